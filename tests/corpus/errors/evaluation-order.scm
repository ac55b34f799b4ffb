;; error: which=1 => user 8:14
;; error: which=2 => unbound 9:9
;; error: which=3 => user 10:11
;; error: which=4 => user 11:17
;; error: which=5 => type 12:9
;; error: which=6 => user 13:19
(case which
  ((1) (list (error "first") (car '()) nowhere))
  ((2) (nowhere (error "the argument")))
  ((3) (5 (error "the argument")))
  ((4) (let ((a (error "a")) (b (car '()))) 1))
  ((5) ((car '()) (error "the argument")))
  ((6) (car 1 2 3 (error "the argument"))))
