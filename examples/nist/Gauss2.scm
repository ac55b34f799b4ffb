; Gauss2, of lower difficulty. A decay and two peaks that overlap a little, with noise made by a generator.
; Params start at NIST's first start.

(param b1 96)
(param b2 0.009)
(param b3 103)
(param b4 106)
(param b5 18)
(param b6 72)
(param b7 151)
(param b8 18)

(define (peak height center width)
  (* height (exp (- (square (/ (- x center) width))))))

(observe y (+ (* b1 (exp (- (* b2 x)))) (peak b3 b4 b5) (peak b6 b7 b8)))
