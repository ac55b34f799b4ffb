;; Derivatives flow through what macros make; a literal that a rule repeats is one literal.
;; run:  x=2 y=3 => 30.5
;; grad: x=2 y=3 => x:10 y:10
;; grad: x=2 y=3 => @9:11:3 @11:39:3 a:2
;; lanes: y=3 | x=[2,1] => [30.5,21.5]
(define-syntax square-of (syntax-rules () ((_ e) (let ((x e)) (* x x)))))
(define-syntax constants (syntax-rules () ((_ (n v) ...) (begin (param n v) ...))))
(constants (a 1.5))
(define k 1.5)
(define-syntax twice-of (syntax-rules () ((_ e) (+ e e))))
(+ (square-of (+ x y)) (twice-of (* k 1.5)) (- (* a 2) 2))
