;; run:  x=0 y=2 => 0
;; grad: x=0 y=2 => x:6 y:0
;; run:  x=0 y=0 => 0
;; grad: x=0 y=0 => x:0 y:0
(prod [x y 3])
