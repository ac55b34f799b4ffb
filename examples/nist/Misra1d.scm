; Misra1d, of average difficulty. Volume adsorbed in a single layer against pressure: a hyperbola.
; Params start at NIST's first start.

(param b1 500)
(param b2 0.0001)

(observe y (/ (* b1 b2 x) (+ 1 (* b2 x))))
