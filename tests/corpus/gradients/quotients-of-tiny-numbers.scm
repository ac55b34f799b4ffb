;; No square of the divisor stands in between.
;; grad: x=1e-170 y=1e-170 => x:1e170 y:-1e170
;; grad: x=3e200 y=6e200 => x:1.6666666666666666e-201 y:-8.333333333333333e-202
;; grad: x=0 y=2 => x:0.5 y:0
(/ x y)
