; MGH09, of higher difficulty. A rational function of few rows, of a collection of test problems.
; Params start at NIST's first start.

(param b1 25)
(param b2 39)
(param b3 41.5)
(param b4 39)

(observe y (/ (* b1 (+ (square x) (* x b2))) (+ (square x) (* x b3) b4)))
