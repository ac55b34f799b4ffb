;; Absolutely small derivatives count, too.
;; grad: y=1e200 x=1e200 => y:0.5 x:-0.5
;; grad: y=3e180 x=-4e180 => y:-1.6e19 x:-1.2e19
(* 1e200 (atan y x))
