;; run:  start=1 x=2 => 1.4142135623730951
;; grad: start=1 x=2 => start:0 x:0.35355339059327379
;; grad: start=3 x=2 => start:0 x:0.35355339059327379
;; Newton's method, told as what it gives back: the derivative of the step by its own number is 0.
(fixed-point (lambda (y) (* 0.5 (+ y (/ x y)))) start)
