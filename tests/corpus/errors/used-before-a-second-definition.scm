;; The first definition of a name that has two is missing when it is used.
;; error: => unbound 3:16
(define (f) (+ x 0))
(define y (f))
(define x 1)
(define x 2)
(+ y (f))
