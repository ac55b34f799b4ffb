;; run: n=9 => [false,true,12]
(define (parity k)
  (define (even2? k) (or (= k 0) (odd2? (- k 1))))
  (define (odd2? k) (and (not (= k 0)) (even2? (- k 1))))
  (define a 5)
  (define b (+ a 7))
  (list (even2? k) (odd2? k) b))
(parity n)
