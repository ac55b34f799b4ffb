;; The derivative is the sigmoid of the opposite, which does not cancel.
;; run:  x=0 => -0.6931471805599453
;; grad: x=0 => x:0.5
;; run:  x=1 => -0.3132616875182228
;; grad: x=1 => x:0.2689414213699951
;; run:  x=-1 => -1.3132616875182228
;; grad: x=-1 => x:0.7310585786300049
;; run:  x=40 => -4.248354255291589e-18
;; grad: x=40 => x:4.248354255291589e-18
;; run:  x=-40 => -40
;; grad: x=-40 => x:1
;; run:  x=700 => -9.85967654375977e-305
;; grad: x=700 => x:9.85967654375977e-305
;; run:  x=-10000000000 => -10000000000
;; grad: x=-10000000000 => x:1
;; run:  x="inf" => 0
;; grad: x="inf" => x:0
;; run:  x="-inf" => "-inf"
;; grad: x="-inf" => x:1
(log-sigmoid x)
