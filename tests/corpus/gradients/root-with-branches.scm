;; run:  a=2 => 1
;; grad: a=2 => a:0.5
;; run:  a=-3 => -3
;; grad: a=-3 => a:1
;; The function may branch: the derivative is that of the branch at the root.
(root (lambda (y) (- (if (> y 0) (* 2 y) y) a)) -10 10)
