; Rat43, of higher difficulty. Dry weight of onions against time: a sigmoid that is not symmetric.
; Params start at NIST's first start.

(param b1 100)
(param b2 10)
(param b3 1)
(param b4 1)

(observe y (/ b1 (expt (+ 1 (exp (- b2 (* b3 x)))) (/ 1 b4))))
