;; run:  a=0 => 0
;; grad: a=0 => a:1
;; run:  a=3 => 3
;; grad: a=3 => a:1
;; grad: a=1 => a:1
;; A root at an end of the interval is found there, and has its derivatives.
(root (lambda (y) (+ (- y a) (expt (- y a) 3))) 0 3)
