;; A wrong number of values is an error at the expression that gives them.
;; error: n=1 => arity 9:31
;; error: n=2 => arity 10:34
;; error: n=3 => arity 12:3
;; error: n=4 => arity 13:3
(define (two) (values 1 2))
(define f
  (case-lambda ((a) a) ((a b) b)))
(if (= n 1) (let-values (((a) (two))) a)
  (if (= n 2) (receive (a b . c) 1 a)
  (if (= n 3)
  (call-with-values two (lambda (a) a))
  (f))))
