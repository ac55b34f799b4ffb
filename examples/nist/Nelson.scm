; Nelson, of average difficulty. Breakdown voltage in kV against weeks (x1) and degrees Celsius (x2).
; What NIST fits is the logarithm of y: the noise is lognormal, and the prediction that of y itself.
; Params start at NIST's first start.

(param b1 2)
(param b2 0.0001)
(param b3 -0.01)

(observe y (exp (- b1 (* b2 x1 (exp (- (* b3 x2)))))) lognormal)
