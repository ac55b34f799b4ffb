;; grad: x=1e-170 y=1e-170 => x:1e170 y:-1e170
;; grad: x=1e200 y=2e200 => x:5e-201 y:-2.5e-201
;; grad: x=3 y=1e-160 => x:1e160 y:"-inf"
;; The square of the divisor is not computed on the way.
(/ x y)
