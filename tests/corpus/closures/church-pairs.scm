;; run:  a=3 b=4 => [3,4,7]
;; grad: a=3 b=4 => a:[1,0,1] b:[0,1,1]
(define (pair a b) (lambda (pick) (pick a b)))
(define (first p) (p (lambda (a b) a)))
(define (second p) (p (lambda (a b) b)))
(define p (pair a (pair b '())))
(list (first p) (first (second p)) (+ (first p) (first (second p))))
