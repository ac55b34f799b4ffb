;; run:  x=2 => 5
;; grad: x=2 => x:0
(define (t v) (if v (* x -0.0) (* x 3.0)))
(define kept (length (filter (lambda (y) (> y x)) '(1 2 3 4 5 6 7))))
(+ (t x) kept (t (> x 1)))
