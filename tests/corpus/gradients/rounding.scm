;; run:  x=2.7 => [2,3,2,3,5.4]
;; grad: x=2.7 => x:[0,0,0,0,2]
(list (floor x) (ceiling x) (truncate x) (round x) (* x (floor x)))
