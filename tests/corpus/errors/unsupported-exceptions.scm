;; error: => unsupported 2:1
(with-exception-handler
  (lambda (e) 0)
  (lambda () (error "boom")))
