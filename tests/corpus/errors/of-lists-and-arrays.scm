;; error: which=1 => type 34:14
;; error: which=2 => type 35:14
;; error: which=3 => shape 36:14
;; error: which=4 => shape 37:14
;; error: which=5 => shape 38:14
;; error: which=6 => type 39:14
;; error: which=7 => type 40:14
;; error: which=8 => type 41:14
;; error: which=9 => shape 42:14
;; error: which=10 => type 43:15
;; error: which=11 => shape 44:15
;; error: which=12 => type 45:15
;; error: which=13 => index 46:15
;; error: which=14 => shape 47:15
;; error: which=15 => type 48:15
;; error: which=16 => shape 49:15
;; error: which=17 => shape 50:15
;; error: which=18 => index 51:15
;; error: which=19 => index 52:15
;; error: which=20 => shape 53:15
;; error: which=21 => type 54:15
;; error: which=22 => type 55:15
;; error: which=23 => shape 56:15
;; error: which=24 => type 57:15
;; error: which=25 => shape 58:15
;; error: which=26 => type 59:15
;; error: which=27 => type 60:15
;; error: which=28 => arity 61:15
;; error: which=29 => type 62:15
;; error: which=30 => not-a-function 63:15
;; error: which=31 => type 64:15
;; What a primitive on lists and arrays refuses, and where.
(case which
  ((1) (list (sum 5)))
  ((2) (list (sum (list 1 'a))))
  ((3) (list (mean '())))
  ((4) (list (variance '(1))))
  ((5) (list (argmax '())))
  ((6) (list (cumsum (eye 2))))
  ((7) (list (softmax '(1 . 2))))
  ((8) (list (interp 1 '(1 1) '(2 3))))
  ((9) (list (interp 1 '(1 2) '(2 3 4))))
  ((10) (list (interp 1 '(1 2) '(2 3) 'cubic)))
  ((11) (list (interp 1 '(1) '(2) 'linear)))
  ((12) (list (diag '(1 2))))
  ((13) (list (slice [1 2 3] 1 4)))
  ((14) (list (slice [1 2 3] 2 2)))
  ((15) (list (concat [1] (eye 2))))
  ((16) (list (hstack (eye 2) [1 2 3])))
  ((17) (list (vstack (eye 2) [1 2 3])))
  ((18) (list (row (eye 2) 2)))
  ((19) (list (col (eye 2) -1)))
  ((20) (list (reshape [1 2 3] 2 2)))
  ((21) (list (outer-sum [1] 2)))
  ((22) (list (solve-triangular (mat [0 1] [1 1]) [1 1])))
  ((23) (list (solve-triangular (eye 2) [1 1 1])))
  ((24) (list (solve-triangular (eye 2) [1 1] 'left)))
  ((25) (list (eigh (mat [1 2]))))
  ((26) (list (svd [1 2])))
  ((27) (list (qr 1)))
  ((28) (list (expm)))
  ((29) (list (sort 5)))
  ((30) (list (sort '(1 2) 3)))
  ((31) (list (sort 5 <))))
