;; run: => [6,7,5,3]
;; A program's own definition shadows the forms of the top level too; `y` is then no param.
(define (param a b) (* a b))
(define (observe-series a b) (+ a b))
(define y 2)
(param y 3)
(define (begin a b) (- b a))
(define z (begin 2 5))
(list (param y 3) (observe-series 3 4) (observe-series y 3) z)
