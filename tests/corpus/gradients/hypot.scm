;; Scaled, so that squares neither over- nor underflow; at the origin the derivative is 0, as that of norm.
;; run:  x=3 y=-4 => 5
;; grad: x=3 y=-4 => x:0.6 y:-0.8
;; run:  x=1e-09 y=1 => 1
;; grad: x=1e-09 y=1 => x:1e-09 y:1
;; run:  x=3e+200 y=4e+200 => 4.9999999999999995e+200
;; grad: x=3e+200 y=4e+200 => x:0.6 y:0.8
;; run:  x=3e-200 y=4e-200 => 5e-200
;; grad: x=3e-200 y=4e-200 => x:0.6 y:0.8
;; run:  x=0 y=0 => 0
;; grad: x=0 y=0 => x:0 y:0
;; run:  x="inf" y=1 => "inf"
(hypot x y)
