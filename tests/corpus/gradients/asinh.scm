;; Neither value nor derivative squares a large number.
;; run:  x=0 => 0
;; grad: x=0 => x:1
;; run:  x=1e-09 => 1e-09
;; grad: x=1e-09 => x:1
;; run:  x=-1 => -0.881373587019543
;; grad: x=-1 => x:0.7071067811865476
;; run:  x=3.5 => 1.9657204716496515
;; grad: x=3.5 => x:0.27472112789737807
;; run:  x=-1e+200 => -461.2101657793691
;; grad: x=-1e+200 => x:1e-200
;; run:  x=1e+200 => 461.2101657793691
;; grad: x=1e+200 => x:1e-200
(asinh x)
