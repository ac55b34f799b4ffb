;; error: => syntax 2:9
(define [f x] x)
