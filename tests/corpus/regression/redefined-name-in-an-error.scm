;; error: => unbound 3:16
(define x 1)
(define (f) (+ x 0))
(define y (f))
(define x 2)
(+ y (f))
