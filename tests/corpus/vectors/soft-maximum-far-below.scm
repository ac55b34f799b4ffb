;; run:  x=-50 => 1.9287498479639178e-22
;; grad: x=-50 => x:0
;; run:  x=-700 => 9.85967654375977e-305
;; grad: x=-700 => x:0
;; run:  x=40 => 40
;; grad: x=40 => x:1
;; What is far below the largest is not lost in its rounding.
(logsumexp [0 x])
