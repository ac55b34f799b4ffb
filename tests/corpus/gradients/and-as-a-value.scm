;; run:  x=3 => 9
;; grad: x=3 => x:6
;; run:  x=0.5 => -1
;; grad: x=0.5 => x:0
(let ((y (and (> x 1) x)))
  (if y (* y y) -1))
