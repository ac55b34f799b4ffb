;; An argument of the prelude's procedures is refused in their name, at the program's call.
;; error: which=1 => type 34:8
;; error: which=2 => not-a-function 35:8
;; error: which=3 => not-a-function 36:8
;; error: which=4 => type 37:8
;; error: which=5 => type 38:8
;; error: which=6 => type 39:8
;; error: which=7 => type 40:8
;; error: which=8 => index 41:8
;; error: which=9 => index 42:8
;; error: which=10 => index 43:9
;; error: which=11 => type 44:9
;; error: which=12 => index 45:9
;; error: which=13 => type 46:9
;; error: which=14 => type 47:9
;; error: which=15 => type 48:9
;; error: which=16 => index 49:9
;; error: which=17 => shape 50:9
;; error: which=18 => index 51:9
;; error: which=19 => type 52:9
;; error: which=20 => type 53:9
;; error: which=21 => index 54:9
;; error: which=22 => type 55:9
;; error: which=23 => index 56:9
;; error: which=24 => type 57:9
;; error: which=25 => type 58:9
;; error: which=26 => type 59:9
;; error: which=27 => type 60:9
;; error: which=28 => type 61:9
;; error: which=29 => type 62:9
;; error: which=30 => index 63:9
;; error: which=31 => type 64:26
(case which
  ((1) (map car 5))
  ((2) (map 5 '()))
  ((3) (fold 'f 0 '(1)))
  ((4) (map + '(1 2) '(1 2 . 3)))
  ((5) (filter odd? '(1 . 2)))
  ((6) (iota 2.5))
  ((7) (iota 'a))
  ((8) (iota -1))
  ((9) (third '(1 2)))
  ((10) (take '(1 2) 3))
  ((11) (take '(1 . 2) 3))
  ((12) (drop '(1 2) 3))
  ((13) (last 5))
  ((14) (reduce + 0 [1 2]))
  ((15) (nan? 'a))
  ((16) (subvector [1 2] 1 3))
  ((17) (make-vector 0))
  ((18) (string-ref "abc" 3))
  ((19) (string-append "a" 1))
  ((20) (list->string '(1)))
  ((21) (substring "abc" 2 1))
  ((22) (number->string 1.5 2))
  ((23) (integer->char 55296))
  ((24) (exact? "1"))
  ((25) (char<? #\a 1))
  ((26) (symbol=? 'a "a"))
  ((27) (vector-map (lambda (x) 'a) [1 2]))
  ((28) (vector-append [1] '(2)))
  ((29) (append-map (lambda (x) x) '(1)))
  ((30) (last '()))
  ((31) (any (lambda (x) (car x)) '(1))))
