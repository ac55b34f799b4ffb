;; run:  list=3 abs=-2 => -6
;; grad: list=3 abs=-2 => list:-2 abs:3
(* list abs)
