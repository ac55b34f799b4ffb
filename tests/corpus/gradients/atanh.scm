;; NaN beyond 1, with its derivative.
;; run:  x=0 => 0
;; grad: x=0 => x:1
;; run:  x=1e-09 => 1e-09
;; grad: x=1e-09 => x:1
;; run:  x=-0.5 => -0.5493061443340549
;; grad: x=-0.5 => x:1.3333333333333333
;; run:  x=0.9999999999999999 => 18.714973875118524
;; grad: x=0.9999999999999999 => x:4503599627370496
;; run:  x=1 => "inf"
;; grad: x=1 => x:"inf"
;; run:  x=-1 => "-inf"
;; grad: x=-1 => x:"inf"
;; run:  x=2 => "nan"
;; grad: x=2 => x:"nan"
(atanh x)
