;; run:  x=2 => [2,2,[2,2]]
;; grad: x=2 => x:[1,0,[1,1]]
;; What a function gives may be its argument itself.
(list (+ x (root (lambda (y) y) -1 2))
      (fixed-point (lambda (y) y) x)
      (fixed-point (lambda (v) (vec x (ref v 0))) (vec 3 1)))
