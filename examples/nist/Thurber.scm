; Thurber, of higher difficulty. Mobility of electrons in a semiconductor against the logarithm of their density:
; a cubic by a cubic.
; Params start at NIST's first start.

(param b1 1000)
(param b2 1000)
(param b3 400)
(param b4 40)
(param b5 0.7)
(param b6 0.3)
(param b7 0.03)

(observe y
  (/ (+ b1 (* b2 x) (* b3 (expt x 2)) (* b4 (expt x 3)))
     (+ 1 (* b5 x) (* b6 (expt x 2)) (* b7 (expt x 3)))))
