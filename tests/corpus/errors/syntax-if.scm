;; error: => syntax 4:6
(define (f x)
  (+ 1
     (if x)))
(f 1)
