;; error: which=1 => unbound 7:29
;; error: which=2 => unbound 8:25
;; error: which=3 => unbound 9:22
;; error: which=4 => unbound 10:20
;; error: which=5 => unbound 12:27
(case which
  ((1) (let () (define a (+ b 1)) (define b 2) (+ a b)))
  ((2) (letrec ((a (* 2 b)) (b 1)) a))
  ((3) (letrec* ((a (f)) (f (lambda () 1))) a))
  ((4) (letrec ((v v)) v))
  ((5) (let ()
         (define (f) (+ 1 later))
         (define now (f))
         (define later 2)
         now)))
