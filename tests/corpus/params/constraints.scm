;; run:  => -6
;; grad: => a:2 b:4 c:1 d:-2
;; run:  d=-4 => 10
;; grad: a=1.5 => a:2 b:4 c:1.5 d:-2
(param a 1 (> 0))
(param b -2 (< 0))
(param c 2 (between 1 3))
(param d 4)
(+ (* a c) (* b d))
