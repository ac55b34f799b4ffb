;; run:  x=0 => [5,0,1,-1]
;; grad: x=0 => x:[0,1,0,0]
;; grad: x=16 => x:[0,1,0,0]
;; grad: x=64 => x:[0.0625,1,0,0]
(list (max 5 (sqrt x)) x (min 1 (+ 2 (sqrt x))) (max -1 (min -2 (log x))))
