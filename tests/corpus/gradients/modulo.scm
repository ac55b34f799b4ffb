;; run:  x=7.5 m=2 => [1.5,1.5,-1.5,0.5]
;; grad: x=7.5 m=2 => x:[1,1,-1,-1] m:[-3,-3,3,4]
(list (modulo x m) (remainder x m) (remainder (- x) m) (modulo (- x) m))
