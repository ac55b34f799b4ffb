;; error: => unsupported 3:25
(let ((total 0))
  (for-each (lambda (v) (set! total (+ total v))) '(1 2 3))
  total)
