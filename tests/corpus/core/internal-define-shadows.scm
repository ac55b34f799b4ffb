;; run: => [10,1,3]
(define x 1)
(define (f)
  (define x 10)
  x)
(define (g y)
  (define (g y) (+ y 1))
  (g y))
(list (f) x (g 2))
