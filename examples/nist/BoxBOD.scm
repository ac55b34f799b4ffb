; BoxBOD, of higher difficulty. Biochemical oxygen demand in mg/l against days of incubation.
; Params start at NIST's first start.

(param b1 1)
(param b2 1)

(observe y (* b1 (- 1 (exp (- (* b2 x))))))
