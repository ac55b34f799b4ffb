; ENSO, of average difficulty. Difference in pressure between Easter Island and Darwin, month by month:
; a year and two longer cycles.
; Params start at NIST's first start.

(param b1 11)
(param b2 3)
(param b3 0.5)
(param b4 40)
(param b5 -0.7)
(param b6 -1.3)
(param b7 25)
(param b8 -0.3)
(param b9 1.4)

(define pi 3.141592653589793)

(define (cycle period of-cosine of-sine)
  (let ((angle (/ (* 2 pi x) period)))
    (+ (* of-cosine (cos angle)) (* of-sine (sin angle)))))

(observe y (+ b1 (cycle 12 b2 b3) (cycle b4 b5 b6) (cycle b7 b8 b9)))
