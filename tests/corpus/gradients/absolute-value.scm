;; grad: x=2 => x:[1,6,1]
;; grad: x=-2 => x:[-1,6,0]
;; grad: x=0 => x:[0,0,0.5]
;; run:  x=-2 => [2,-6,0]
(list (abs x) (* 1.5 x (abs x)) (max 0 x))
