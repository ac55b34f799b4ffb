;; run:  x=3 k=2 => 13
;; grad: x=3 k=2 => x:5 k:6
;; run:  x=-3 k=2 => -9
;; grad: x=-3 k=2 => x:3 k:0
(+ (if (> x 0) (* 2 k x) (* 2 x)) (if (> (* x k) 1) (- x 2) x))
