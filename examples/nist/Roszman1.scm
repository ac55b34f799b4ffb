; Roszman1, of average difficulty. Quantum defects of iodine against the energy of the excited state.
; Params start at NIST's first start.

(param b1 0.1)
(param b2 -1e-5)
(param b3 1000)
(param b4 -100)

(define pi 3.141592653589793)

(observe y (- b1 (* b2 x) (/ (atan (/ b3 (- x b4))) pi)))
