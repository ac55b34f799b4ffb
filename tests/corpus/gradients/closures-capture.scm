;; run:  a=2 b=3 x=5 => [13,28]
;; grad: a=2 b=3 x=5 => a:[5,23] b:[1,3] x:[2,4]
(define (line slope offset) (lambda (v) (+ (* slope v) offset)))
(define f (line a b))
(define (twice g) (lambda (v) (g (g v))))
(list (f x) (- ((twice f) x) 1))
