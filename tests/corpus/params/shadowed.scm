;; run:  => 41.5
;; grad: => k:1
(param k 1.5)
(define (f k) (* k 10))
(+ (f 2) (let ((k 20)) k) k)
