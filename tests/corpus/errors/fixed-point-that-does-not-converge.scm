;; error: a=2 => user 3:1
;; error: a=-1 => user 3:1
(fixed-point (lambda (y) (+ 1 (* a y))) 0.25)
