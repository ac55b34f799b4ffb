;; error: which=1 => type 21:14
;; error: which=2 => type 22:14
;; error: which=3 => type 23:14
;; error: which=4 => type 24:14
;; error: which=5 => type 25:14
;; error: which=6 => type 26:14
;; error: which=7 => type 27:14
;; error: which=8 => type 28:14
;; error: which=9 => type 29:14
;; error: which=10 => type 30:15
;; error: which=11 => type 31:15
;; error: which=12 => type 32:15
;; error: which=13 => type 33:15
;; error: which=14 => type 34:15
;; error: which=15 => type 35:15
;; error: which=16 => type 36:15
;; A procedure on lists refuses a vector, and the place is the program's call; one on vectors refuses a list.
(define v [1 2 3])
(define (positive-part x) (max x 0))
(case which
  ((1) (list (car v)))
  ((2) (list (caddr v)))
  ((3) (list (length v)))
  ((4) (list (map positive-part v)))
  ((5) (list (map + '(1 2) v)))
  ((6) (list (for-each positive-part v)))
  ((7) (list (filter positive? v)))
  ((8) (list (fold-left + 0 v)))
  ((9) (list (fold-right + 0 v)))
  ((10) (list (reduce + 0 v)))
  ((11) (list (apply + v)))
  ((12) (list (append v '(1))))
  ((13) (list (list-ref v 0)))
  ((14) (list (member 1 v)))
  ((15) (list (vector-map positive-part '(1 2))))
  ((16) (list (vector-map (lambda (x) 'a) v))))
