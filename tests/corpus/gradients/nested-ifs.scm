;; run:  x=2 y=1 => 4
;; grad: x=2 y=1 => x:4 y:0
;; run:  x=2 y=-1 => -2
;; grad: x=2 y=-1 => x:-1 y:2
;; run:  x=-2 y=1 => 3
;; grad: x=-2 y=1 => x:0 y:3
;; run:  x=-2 y=-1 => -3
;; grad: x=-2 y=-1 => x:1 y:1
(if (> x 0)
    (if (> y 0) (* x x) (* x y))
    (if (> y 0) (* 3 y) (+ x y)))
