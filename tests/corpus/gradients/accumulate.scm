;; run:  r=0.5 => 1.9375
;; grad: r=0.5 => r:3.25
(define (accumulate op start l)
  (if (null? l) start (op (car l) (accumulate op start (cdr l)))))
(define (powers v n)
  (if (= n 0) '() (cons (expt v (- n 1)) (powers v (- n 1)))))
(accumulate + 0 (powers r 5))
