;; run: => [3,12]
(begin
  (define a 1)
  (define (twice v) (* 2 v)))
(define (f v)
  (begin (define b (+ v 1))
         (define c (twice b)))
  (* b c))
(list (+ a (twice 1)) (/ (f 2) 1.5))
