;; error: => unsupported 2:6
(+ 1 (call/cc (lambda (k) (k 2))))
