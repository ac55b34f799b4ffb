;; The infinite slope is behind what is hidden, and the sums take the others' derivatives all the same.
;; run:  x=0 y=3 => 11
;; grad: x=0 y=3 => x:1 y:2
;; grad: x=64 y=-1 => x:1.0625 y:0
;; lanes:      y=3 | x=[0,0,1] => [11,11,12]
;; lanes-grad: y=3 | x=[0,0,1] => y:6 x:[1,1,1]
;; lanes-grad: | x=[0,64] y=[3,-1] => x:[1,1.0625] y:[2,0]
(+ x (max 5 (sqrt x) y) (max 0 (* 2 y)))
