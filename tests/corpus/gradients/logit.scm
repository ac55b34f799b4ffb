;; The logarithm of the odds; a share of 1e-300 and one next to 1 keep their digits.
;; run:  x=0.3 => -0.8472978603872037
;; grad: x=0.3 => x:4.761904761904762
;; run:  x=0.5 => 0
;; grad: x=0.5 => x:4
;; run:  x=0.500000001 => 3.999999886872274e-09
;; grad: x=0.500000001 => x:4
;; run:  x=1e-300 => -690.7755278982137
;; grad: x=1e-300 => x:9.999999999999999e+299
;; run:  x=0.9999999999999999 => 36.7368005696771
;; grad: x=0.9999999999999999 => x:9007199254740994
;; run:  x=0 => "-inf"
;; grad: x=0 => x:"inf"
;; run:  x=1 => "inf"
;; grad: x=1 => x:"inf"
;; run:  x=1.5 => "nan"
;; grad: x=1.5 => x:"nan"
;; run:  x=-0.25 => "nan"
;; grad: x=-0.25 => x:"nan"
(logit x)
