;; run: => [1,2,3,3]
(define x 1)
(define (f) (+ x 0))
(define y (f))
(define x 2)
(list y (f) (+ y x) (+ y (f)))
