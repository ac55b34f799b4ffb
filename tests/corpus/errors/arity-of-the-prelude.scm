;; error: which=1 => arity 13:8
;; error: which=2 => arity 14:14
;; error: which=3 => arity 15:8
;; error: which=4 => arity 16:8
;; error: which=5 => arity 17:8
;; error: which=6 => arity 18:8
;; error: which=7 => arity 19:8
;; error: which=8 => arity 20:8
;; error: which=9 => arity 21:14
;; error: which=10 => arity 22:9
;; error: which=11 => arity 23:9
(case which
  ((1) (iota 3 0 1 99))
  ((2) (list (member 1 '(1) = 5)))
  ((3) (assoc 1 '() = '()))
  ((4) (iota -1 'a 'b 'c))
  ((5) (delete 1 '() = 3))
  ((6) (unfold null? car cdr '() list 1))
  ((7) (filter odd? '() '()))
  ((8) (map car))
  ((9) (list (substring "a" 0)))
  ((10) (vector->list [1] 0 1 2))
  ((11) (apply iota '(1 2 3 4))))
