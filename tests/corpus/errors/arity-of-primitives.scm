;; error: which=0 => arity 15:14
;; error: which=1 => arity 16:14
;; error: which=2 => arity 17:14
;; error: which=3 => arity 18:14
;; error: which=4 => arity 19:14
;; error: which=5 => arity 20:14
;; error: which=6 => arity 21:14
;; error: which=7 => arity 22:14
;; error: which=8 => arity 23:14
;; error: which=9 => arity 24:14
;; error: which=10 => arity 25:15
;; error: which=11 => arity 26:15
;; error: which=12 => arity 27:15
(case which
  ((0) (list (car '(1) '(2))))
  ((1) (list (cons 1 2 3)))
  ((2) (list (atan 1 2 3)))
  ((3) (list (log)))
  ((4) (list (min)))
  ((5) (list (-)))
  ((6) (list (modulo 5)))
  ((7) (list (eq? 1)))
  ((8) (list (null?)))
  ((9) (list (list-ref '(1 2))))
  ((10) (list (expt 2)))
  ((11) (list (apply)))
  ((12) (list (/))))
