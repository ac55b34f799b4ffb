;; A number between two bounds: outside, the bound that holds has the derivative, and the number none.
;; run:  x=0.5 lo=-1 hi=2 => 0.5
;; grad: x=0.5 lo=-1 hi=2 => x:1 lo:0 hi:0
;; run:  x=5 lo=-1 hi=2 => 2
;; grad: x=5 lo=-1 hi=2 => x:0 lo:0 hi:1
;; run:  x=-5 lo=-1 hi=2 => -1
;; grad: x=-5 lo=-1 hi=2 => x:0 lo:1 hi:0
;; run:  x="nan" lo=-1 hi=2 => "nan"
(clamp x lo hi)
