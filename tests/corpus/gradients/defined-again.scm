;; run:  x=3 => 63
;; grad: x=3 => x:38
;; grad: x=3 => @4:20:27
(define scale (* x 2.0))
(define (scaled y) (* scale y))
(define once (scaled x))
(define scale (+ scale 1))
(+ once (* (scaled 2) x) 3)
