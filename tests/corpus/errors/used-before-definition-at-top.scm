;; error: => unbound 2:18
(define (f) (* 2 later))
(define now (f))
(define later 3)
now
