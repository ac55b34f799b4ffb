;; error: which=1 => type 9:14
;; error: which=2 => type 10:14
;; error: which=3 => type 11:14
;; error: which=4 => type 12:14
;; error: which=5 => type 13:14
;; error: which=6 => type 14:14
;; error: which=7 => type 15:14
(case which
  ((1) (list (map car 5)))
  ((2) (list (filter odd? 'a)))
  ((3) (list (fold-left + 0 5)))
  ((4) (list (apply + 1 2)))
  ((5) (list (reverse '(1 . 2))))
  ((6) (list (append '(1 . 2) '(3))))
  ((7) (list (length '(1 2 . 3)))))
