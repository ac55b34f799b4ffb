;; error: which=1 => type 10:12
;; error: which=2 => type 11:27
;; error: which=3 => type 12:14
;; error: which=4 => not-a-function 13:46
;; error: which=5 => type 14:15
;; error: which=6 => type 15:15
;; error: which=7 => type 16:19
;; error: which=8 => arity 17:19
(case which
  ((1) (if (< 'a 1) 1 2))
  ((2) (cond ((= 1 2) 3) ((> "x" 0) 4)))
  ((3) (case (car '()) ((1) 2)))
  ((4) (cond ((memv 1 '(1)) => (lambda (hit) (hit))) (else 5)))
  ((5) (and 1 (exp 'e) 2))
  ((6) (or #f (abs #t)))
  ((7) (when #t 1 (max 1 '())))
  ((8) (unless #f (sin))))
