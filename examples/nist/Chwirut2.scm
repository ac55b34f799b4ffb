; Chwirut2, of lower difficulty. Response of an ultrasonic reference block against the distance of metal:
; fewer rows.
; Params start at NIST's first start.

(param b1 0.1)
(param b2 0.01)
(param b3 0.02)

(observe y (/ (exp (- (* b1 x))) (+ b2 (* b3 x))))
