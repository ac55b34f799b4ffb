; Misra1c, of average difficulty. Volume adsorbed in a single layer against pressure: a reciprocal root.
; Params start at NIST's first start.

(param b1 500)
(param b2 0.0001)

(observe y (* b1 (- 1 (expt (+ 1 (* 2 b2 x)) -0.5))))
