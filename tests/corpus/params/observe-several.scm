;; run:  x=3 => 9
;; grad: x=3 => a:3 x:3
(param a 3)
(observe y (+ a x) lognormal)
(observe z (* a x) normal)
