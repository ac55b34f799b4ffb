;; run: a=2 => [2,4,8]
;; run: a=-1 => [-1,-2,-4]
;; grad: a=2 => a:[1,2,4]
(define b (* 2 a))
(define (c) (* 2 b))
(list a b (c))
