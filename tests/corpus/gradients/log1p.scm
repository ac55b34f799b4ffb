;; Exact for small arguments; the derivative of NaN is NaN.
;; run:  x=1 => 0.6931471805599453
;; grad: x=1 => x:0.5
;; run:  x=0 => 0
;; grad: x=0 => x:1
;; run:  x=1e-12 => 9.999999999995e-13
;; grad: x=1e-12 => x:0.999999999999
;; run:  x=-0.5 => -0.6931471805599453
;; grad: x=-0.5 => x:2
;; run:  x=-0.999999999999 => -27.63104323789336
;; grad: x=-0.999999999999 => x:1000022122209.5028
;; run:  x=1e+300 => 690.7755278982137
;; grad: x=1e+300 => x:1e-300
;; run:  x=-1 => "-inf"
;; grad: x=-1 => x:"inf"
;; run:  x=-2 => "nan"
;; grad: x=-2 => x:"nan"
;; run:  x="inf" => "inf"
;; grad: x="inf" => x:0
(log1p x)
