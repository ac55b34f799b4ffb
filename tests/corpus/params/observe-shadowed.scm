;; run:  => 12
(define (observe x y) (* x y))
(define (data-matrix x) (+ x 1))
(observe (data-matrix 2) 4)
