;; run:  x=3 => [6,7,20]
;; grad: x=3 => x:[2,1,0]
(define (double param) (* 2 param))
(list (double x)
      (let ((param +)) (param x 4))
      (let ((between 10)) (+ between between)))
