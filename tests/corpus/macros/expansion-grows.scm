;; error: => syntax 4:6
(define-syntax f
  (syntax-rules () ((_ x ...) (f x ... x ...))))
(+ 1 (f 1))
