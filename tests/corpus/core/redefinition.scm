;; run: => [6,103,3]
(define (f x) (* x 2))
(define before (f 3))
(define (f x) (+ x 100))
(define n 1)
(define n (+ n 1))
(define n (+ n 1))
(list before (f 3) n)
