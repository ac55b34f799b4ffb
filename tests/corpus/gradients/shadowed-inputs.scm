;; run:  x=3 => 13
;; grad: x=3 => x:1
(define (f x) (* x x))
(+ x (f 2) (let ((x 6)) x))
