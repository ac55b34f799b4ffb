; Rat42, of higher difficulty. Yield of a pasture against time: a sigmoid.
; Params start at NIST's first start.

(param b1 100)
(param b2 1)
(param b3 0.1)

(observe y (/ b1 (+ 1 (exp (- b2 (* b3 x))))))
