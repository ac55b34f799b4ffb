;; error: => syntax 3:11
(define (f x)
  (+ x 1)))
(f 2)
