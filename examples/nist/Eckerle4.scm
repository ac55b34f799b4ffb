; Eckerle4, of higher difficulty. Transmittance against wavelength: one peak.
; Params start at NIST's first start.

(param b1 1)
(param b2 10)
(param b3 500)

(observe y (* (/ b1 b2) (exp (* -0.5 (square (/ (- x b3) b2))))))
