; Kirby2, of average difficulty. Standards of line width under an electron microscope:
; a quadratic by a quadratic.
; Params start at NIST's first start.

(param b1 2)
(param b2 -0.1)
(param b3 0.003)
(param b4 -0.001)
(param b5 1e-5)

(observe y
  (/ (+ b1 (* b2 x) (* b3 (square x)))
     (+ 1 (* b4 x) (* b5 (square x)))))
