;; error: which=1 => type 10:30
;; error: which=2 => type 11:28
;; error: which=3 => not-a-function 12:35
;; error: which=4 => unbound 13:41
;; error: which=5 => arity 14:27
;; error: which=6 => user 15:42
;; error: which=7 => type 16:30
;; error: which=8 => index 17:30
(case which
  ((1) (map (lambda (v) (+ 1 (* 2 v))) '(1 a)))
  ((2) (filter (lambda (v) (> v 0)) (list 1 "two")))
  ((3) (fold-left (lambda (acc v) (v acc)) 0 '(1 2)))
  ((4) (fold-right (lambda (v acc) (+ v ac)) 0 '(1 2)))
  ((5) (apply (lambda (f) (f)) (list (lambda (v) v))))
  ((6) (for-each (lambda (v) (if (= v 2) (error "two" v) v)) '(1 2 3)))
  ((7) (reduce (lambda (a b) (- a (list b))) 0 '(1 2)))
  ((8) (fold (lambda (v acc) (list-ref acc v)) '(0) '(3))))
