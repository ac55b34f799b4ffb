; Misra1b, of lower difficulty. Volume adsorbed in a single layer against pressure: a reciprocal square.
; Params start at NIST's first start.

(param b1 500)
(param b2 0.0001)

(observe y (* b1 (- 1 (expt (+ 1 (/ (* b2 x) 2)) -2))))
