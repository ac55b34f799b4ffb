; DanWood, of lower difficulty. Energy radiated by a carbon filament against its temperature in 1000 K.
; Params start at NIST's first start.

(param b1 1)
(param b2 5)

(observe y (* b1 (expt x b2)))
