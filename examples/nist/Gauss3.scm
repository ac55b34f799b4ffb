; Gauss3, of average difficulty. A decay and two peaks that overlap, with noise made by a generator.
; Params start at NIST's first start.

(param b1 94.9)
(param b2 0.009)
(param b3 90.1)
(param b4 113)
(param b5 20)
(param b6 73.8)
(param b7 140)
(param b8 20)

(define (peak height center width)
  (* height (exp (- (square (/ (- x center) width))))))

(observe y (+ (* b1 (exp (- (* b2 x)))) (peak b3 b4 b5) (peak b6 b7 b8)))
