; Bennett5, of higher difficulty. Magnetization of a superconductor against the logarithm of time in minutes.
; Params start at NIST's first start.

(param b1 -2000)
(param b2 50)
(param b3 0.8)

(observe y (* b1 (expt (+ b2 x) (/ -1 b3))))
