;; The derivative does not cancel where the value is next to -1.
;; run:  x=0 => 0
;; grad: x=0 => x:1
;; run:  x=1e-12 => 1.0000000000005e-12
;; grad: x=1e-12 => x:1.000000000001
;; run:  x=-1e-09 => -9.999999995e-10
;; grad: x=-1e-09 => x:0.999999999
;; run:  x=1 => 1.7182818284590453
;; grad: x=1 => x:2.718281828459045
;; run:  x=-40 => -1
;; grad: x=-40 => x:4.248354255291589e-18
;; run:  x=-700 => -1
;; grad: x=-700 => x:9.85967654375977e-305
;; run:  x=700 => 1.0142320547350045e+304
;; grad: x=700 => x:1.0142320547350045e+304
;; run:  x="inf" => "inf"
;; grad: x="inf" => x:"inf"
;; run:  x="-inf" => -1
;; grad: x="-inf" => x:0
(expm1 x)
