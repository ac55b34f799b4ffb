;; run:  => 6
;; run:  k=5 => 15
;; grad: k=5 m=2 => k:2 m:5
;; grad: k=5 => m:5
(param k 2 (> 0))
(param m 3)
(* k m)
