; Gauss1, of lower difficulty. A decay and two peaks well apart, with noise made by a generator.
; Params start at NIST's first start.

(param b1 97)
(param b2 0.009)
(param b3 100)
(param b4 65)
(param b5 20)
(param b6 70)
(param b7 178)
(param b8 16.5)

(define (peak height center width)
  (* height (exp (- (square (/ (- x center) width))))))

(observe y (+ (* b1 (exp (- (* b2 x)))) (peak b3 b4 b5) (peak b6 b7 b8)))
