; Lanczos2, of average difficulty. Three exponentials without noise, rounded to 6 digits.
; Params start at NIST's first start.

(param b1 1.2)
(param b2 0.3)
(param b3 5.6)
(param b4 5.5)
(param b5 6.5)
(param b6 7.6)

(define (decay amount rate) (* amount (exp (- (* rate x)))))

(observe y (+ (decay b1 b2) (decay b3 b4) (decay b5 b6)))
