;; -inf of what is no count; large counts keep their digits.
;; run:  k=3 l=2.5 => -1.5428872736055899
;; grad: k=3 l=2.5 => l:0.2
;; run:  k=0 l=0.1 => -0.1
;; grad: k=0 l=0.1 => l:-1
;; run:  k=999 l=1000 => -4.372899506026297
;; grad: k=999 l=1000 => l:-0.001
;; run:  k=1000 l=1010 => -4.422568652858214
;; grad: k=1000 l=1010 => l:-0.009900990099009901
;; run:  k=1000000000000.0 l=1000001000000.0 => -15.234448757835947
;; grad: k=1000000000000.0 l=1000001000000.0 => l:-9.99999000001e-07
;; run:  k=0 l=0 => 0
;; run:  k=1 l=0 => "-inf"
;; run:  k=2.5 l=2 => "-inf"
;; run:  k=-1 l=2 => "-inf"
;; run:  k=1 l=-2 => "nan"
;; grad: k=1 l=-2 => l:"nan"
;; run:  k="nan" l=2 => "nan"
(poisson-lpmf k l)
