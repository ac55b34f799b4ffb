;; error: which=0 => type 13:14
;; error: which=1 => type 14:14
;; error: which=2 => type 15:14
;; error: which=3 => type 16:14
;; error: which=4 => type 17:14
;; error: which=5 => type 18:14
;; error: which=6 => type 19:14
;; error: which=7 => type 20:14
;; error: which=8 => type 21:14
;; error: which=9 => type 22:14
;; error: which=10 => index 23:15
(case which
  ((0) (list (+ 1 "a")))
  ((1) (list (- #\a)))
  ((2) (list (* 2 (lambda (v) v))))
  ((3) (list (/ 1 #t)))
  ((4) (list (modulo 'a 2)))
  ((5) (list (atan 1 "x")))
  ((6) (list (<= 1 '(2))))
  ((7) (list (odd? 'a)))
  ((8) (list (list-ref '(1 2) 'a)))
  ((9) (list (cddr '(1))))
  ((10) (list (list-ref '(1 2) 2))))
