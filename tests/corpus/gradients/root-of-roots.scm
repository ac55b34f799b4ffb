;; run:  x=16 => 2
;; grad: x=16 => x:0.03125
;; A root within the function of a root: the fourth root.
(define (root2 x) (root (lambda (y) (- (* y y) x)) 0.001 100))
(root (lambda (z) (- (root2 x) (* z z))) 0.001 100)
