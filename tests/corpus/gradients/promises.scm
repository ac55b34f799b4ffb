;; run:  x=2 => 16
;; grad: x=2 => x:16
;; run:  x=-2 => 19
;; grad: x=-2 => x:-16
;; lanes: | x=[2,-2,1] => [16,19,4]
;; lanes-grad: | x=[2,-2,1] => x:[16,-16,8]
(define p (delay (* x x)))
(define (g) (if (> x 0) (force p) (+ (force p) 1)))
(+ (* 3 (g)) (force p))
