;; error: => syntax 3:1
(define-syntax f (syntax-rules () ((_ x) (+ 1 (f x)))))
(f 1)
