;; error: => syntax 3:1
(define a 1)
(define (f x)
  (+ x a)
(f 2)
