;; run:  x=2 => 8.25
;; grad: x=2 => rate:13.5 offset:3.5 x:3.375
(param rate 1.5 (> 0))
(param offset 1)
(define (step y) (* rate y))
(define (iterate f n y) (if (= n 0) y (iterate f (- n 1) (f y))))
(+ (iterate step 3 x)
   (* offset (- (iterate (lambda (v) (+ v offset)) 2 0) 0.5)))
