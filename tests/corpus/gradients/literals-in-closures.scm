;; run:  x=2 => [4.5,9]
;; grad: x=2 => @3:16:[0,0] @5:19:[3,6] @6:31:[1.5,3] x:[1.5,3]
(define unused 7.25)
(define (scaled k) (lambda (v) (* k v)))
(define f (scaled 1.5))
(map (lambda (w) (* w (f (+ x 1.0)))) '(1 2))
