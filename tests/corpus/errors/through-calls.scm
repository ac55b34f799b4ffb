;; error: which=1 => type 5:21
;; error: which=2 => type 7:24
;; error: which=3 => arity 8:30
;; error: which=4 => type 9:35
(define (twice f v) (f (f v)))
(define (outer v) (+ 1 (inner v)))
(define (inner v) (* 2 (cadr v)))
(define (tail n) (if (= n 0) (twice car) (tail (- n 1))))
(define (compose f g) (lambda (v) (f (g v))))
(case which
  ((1) (twice car '(1)))
  ((2) (outer '(1)))
  ((3) (tail 5))
  ((4) ((compose car cdr) '(1))))
