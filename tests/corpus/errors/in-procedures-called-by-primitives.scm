;; error: which=1 => type 12:14
;; error: which=2 => type 13:13
;; error: which=3 => not-a-function 14:8
;; error: which=4 => arity 15:16
;; error: which=5 => arity 16:13
;; error: which=6 => type 17:27
;; error: which=7 => type 18:8
;; error: which=8 => type 19:8
;; error: which=9 => not-a-function 20:8
(define f (lambda (a b) a))
(case which
  ((1) (list (map sqrt '(4 a))))
  ((2) (+ 1 (fold-left + 0 '(1 "b"))))
  ((3) (map 'car '((1))))
  ((4) (cons 0 (map f '(1 2))))
  ((5) (car (apply f '(1 2 3))))
  ((6) (map (lambda (row) (map car row)) '(((1) (2)) (3))))
  ((7) (apply map car '((1))))
  ((8) (filter zero? '(0 x)))
  ((9) (apply (car '(5)) '())))
