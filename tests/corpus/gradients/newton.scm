;; run:  a=7 => 2.6457513110645907
;; grad: a=7 => a:0.1889822365046136
(define (newton f slope x n)
  (if (= n 0) x (newton f slope (- x (/ (f x) (slope x))) (- n 1))))
(newton (lambda (v) (- (* v v) a)) (lambda (v) (* 2 v)) 1 12)
