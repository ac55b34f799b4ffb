;; run:  x=-4 a=3 => 12
;; grad: x=-4 a=3 => x:-3 a:4
;; grad: x=0 a=3 => x:-3 a:0
;; run:  x=4 a=3 => 6
;; grad: x=4 a=3 => x:0.75 a:2
(define (root v) (if (> v 0) (sqrt v) (* -1 v)))
(* a (root x))
