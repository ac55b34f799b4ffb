;; error: => unsupported 3:4
(+ 1
   (call-with-current-continuation
     (lambda (k) (k 2))))
