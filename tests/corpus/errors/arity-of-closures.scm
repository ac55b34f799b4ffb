;; error: n=0 => arity 12:14
;; error: n=1 => arity 13:14
;; error: n=2 => arity 14:14
;; error: n=3 => arity 15:14
;; error: n=4 => arity 16:14
;; error: n=5 => arity 17:14
;; error: n=6 => arity 18:44
(define (none) 0)
(define (two a b) a)
(define (some a b . c) c)
(case n
  ((0) (list (none 1)))
  ((1) (list (two 1)))
  ((2) (list (two 1 2 3)))
  ((3) (list (some 1)))
  ((4) (list ((lambda (v) v))))
  ((5) (list ((two none 2) 3)))
  ((6) (let go ((i 0) (j 0)) (if (= i 2) j (go (+ i 1))))))
