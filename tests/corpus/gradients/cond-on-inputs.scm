;; grad: x=-2 a=3 => x:-4 a:0
;; grad: x=0.5 a=3 => x:3 a:0.5
;; grad: x=2 a=3 => x:0.5 a:1
;; run:  x=2 a=3 => 3.6931471805599454
(cond ((< x 0) (* x x))
      ((and (>= x 0) (< x 1)) (* a x))
      (else (+ a (log x))))
