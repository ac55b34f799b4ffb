;; run:  v=[3,4] => 0.2
;; grad: v=[3,4] => v:[-0.024,-0.032]
;; The scale at which a vector has length 1.
(root (lambda (s) (- (norm (scale s v)) 1)) 0.01 1)
