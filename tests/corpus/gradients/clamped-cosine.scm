;; A cosine that noise takes beyond 1: the angle is 0, and no derivative says how to move it.
;; run:  p=0.9 x=2 => 0
;; grad: p=0.9 x=2 => p:0 x:0
;; grad: p=0.3 x=2 => p:-2.5 x:-0.375
;; lanes:      p=0.9 | x=[2,1.5,0] => [0,0,1.5707963267948966]
;; lanes-grad: p=0.9 | x=[2,1.5,0] => p:0 x:[0,0,-0.9]
(acos (min 1 (* p x)))
