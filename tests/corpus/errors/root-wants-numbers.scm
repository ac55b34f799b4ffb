;; error: k=0 => type 7:7
;; error: k=1 => type 8:7
;; error: k=2 => not-a-function 9:7
;; error: k=3 => type 10:7
;; error: k=4 => type 11:7
(case k
 ((0) (root (lambda (y) y) '(1) 2))
 ((1) (root (lambda (y) 'a) -1 2))
 ((2) (root 7 -1 2))
 ((3) (fixed-point (lambda (y) y) 'a))
 ((4) (fixed-point (lambda (m) (* 0.5 m)) (eye 2))))
