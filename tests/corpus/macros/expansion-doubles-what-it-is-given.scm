;; 2 to the 64th additions would come of it.
;; error: => syntax 7:24
(define-syntax d (syntax-rules () ((_ x) (+ x x))))
(define-syntax e (syntax-rules () ((_ x) (d (d (d (d x)))))))
(define-syntax g (syntax-rules () ((_ x) (e (e (e (e x)))))))
(define (f y)
  (if (> y 0) (g (g (g (g y)))) 0))
(f 1)
