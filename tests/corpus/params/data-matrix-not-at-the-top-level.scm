;; error: => syntax 3:3
(define (f x)
  (data-matrix obs (pc1))
  (* x 2))
(f 3)
