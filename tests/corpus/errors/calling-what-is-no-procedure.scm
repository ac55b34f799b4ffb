;; error: which=1 => not-a-function 11:13
;; error: which=2 => not-a-function 12:13
;; error: which=3 => not-a-function 13:13
;; error: which=4 => not-a-function 14:13
;; error: which=5 => not-a-function 15:13
;; error: which=6 => not-a-function 16:13
;; error: which=7 => not-a-function 17:13
(define five 5)
(define (make) 'sym)
(case which
  ((1) (+ 1 (5 6)))
  ((2) (+ 1 (five)))
  ((3) (+ 1 ((make) 2)))
  ((4) (+ 1 (#t 1)))
  ((5) (+ 1 ('() 1)))
  ((6) (+ 1 ((+ 1 2) 3)))
  ((7) (+ 1 (#\a "b"))))
