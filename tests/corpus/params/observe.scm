;; run:  x=3 => 7.5
;; grad: x=3 => a:3 b:1
(param a 2 (> 0))
(param b 1.5)
(define (line x) (+ b (* a x)))
(observe y (line x))
