;; run:  x=1 => 2
;; grad: x=1 => x:2
;; run:  x=-2 => -6
;; grad: x=-2 => x:3
(or (and (> x 0) (* 2 x)) (* 3 x))
