;; error: => syntax 3:3
(define (f x)
  (param k 2)
  (* k x))
(f 3)
