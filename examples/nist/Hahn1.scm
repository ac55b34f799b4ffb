; Hahn1, of average difficulty. Coefficient of thermal expansion of copper against temperature in kelvin:
; a cubic by a cubic.
; Params start at NIST's first start.

(param b1 10)
(param b2 -1)
(param b3 0.05)
(param b4 -1e-5)
(param b5 -0.05)
(param b6 0.001)
(param b7 -1e-6)

(observe y
  (/ (+ b1 (* b2 x) (* b3 (expt x 2)) (* b4 (expt x 3)))
     (+ 1 (* b5 x) (* b6 (expt x 2)) (* b7 (expt x 3)))))
