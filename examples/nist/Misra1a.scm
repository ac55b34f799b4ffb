; Misra1a, of lower difficulty. Volume adsorbed in a single layer against pressure: an exponential.
; Params start at NIST's first start.

(param b1 500)
(param b2 0.0001)

(observe y (* b1 (- 1 (exp (- (* b2 x))))))
