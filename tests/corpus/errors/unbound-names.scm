;; error: which=1 => unbound 8:33
;; error: which=2 => unbound 11:9
;; error: which=3 => unbound 12:13
;; error: which=4 => unbound 13:34
;; error: which=5 => unbound 14:12
;; error: which=6 => unbound 15:50
;; error: which=7 => unbound 16:45
(define (area radius) (* radius raduis))
(case which
  ((1) (area 2))
  ((2) (lenght '(1 2)))
  ((3) (map sqr '(1 2)))
  ((4) (let ((value 1)) (+ value vlaue)))
  ((5) (if flase 1 2))
  ((6) (let ((f (lambda (inside) inside))) (f 1) inside))
  ((7) (list 1 (let go ((i 0)) (if (< i 2) (goo (+ i 1)) i)))))
