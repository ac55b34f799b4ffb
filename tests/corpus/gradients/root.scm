;; run:  x=2 => 1.4142135623730951
;; grad: x=2 => x:0.35355339059327379
;; grad: x=0.25 => x:1
;; grad: x=9 => x:0.16666666666666666
;; grad: x=1e-200 => x:5e99
;; lanes-grad: | x=[1,4,9,16,0.25] => x:[0.5,0.25,0.16666666666666666,0.125,1]
;; The implicit function theorem: the derivative of the root is that of the function by the input over
;; that by the variable, with the sign turned.
(root (lambda (y) (- (* y y) x)) 0 4)
