;; run:  x=-2 => [4,-8,1,0.25,16]
;; grad: x=-2 => x:[-4,12,0,0.25,-32]
;; grad: x=3 => x:[6,27,0,-0.07407407407407407,108]
(list (expt x 2) (expt x 3) (expt x 0) (expt x -2) (square (square x)))
