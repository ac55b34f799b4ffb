; MGH10, of higher difficulty. An exponential of a reciprocal, of a collection of test problems.
; Params start at NIST's first start.

(param b1 2)
(param b2 400000)
(param b3 25000)

(observe y (* b1 (exp (/ b2 (+ x b3)))))
