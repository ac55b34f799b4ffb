; MGH17, of average difficulty. Two exponentials and an offset, of a collection of test problems.
; Params start at NIST's first start.

(param b1 50)
(param b2 150)
(param b3 -100)
(param b4 1)
(param b5 2)

(observe y (+ b1 (* b2 (exp (- (* x b4)))) (* b3 (exp (- (* x b5))))))
