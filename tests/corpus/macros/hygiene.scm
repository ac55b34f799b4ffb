;; Names that a rule puts in mean what they mean where the macro is defined, and bind nothing of the use's.
;; run:  => [[2,1],5,[1,2],15,[2,3,100],1,2,3,[7,8],5,[1,0],[4,[1]]]
(define-syntax swap
  (syntax-rules () ((_ a b) (let ((tmp a)) (list b tmp)))))
(define-syntax my-or
  (syntax-rules ()
    ((_) #f)
    ((_ e) e)
    ((_ e r ...) (let ((t e)) (if t t (my-or r ...))))))
(define-syntax def
  (syntax-rules () ((_ n v) (begin (define tmp v) (define n (+ tmp 1))))))
(def a 1)
(def b 2)
(define tmp 100)
(define (f)
  (define-syntax inc (syntax-rules () ((_ x) (+ x k))))
  (define k 10)
  (let ((k 1) (+ *)) (inc 5)))
(define-syntax pair-of (syntax-rules () ((_ x) (list x 8))))
(define-syntax first-of
  (syntax-rules () ((_ (x . rest)) (let ((if list) (x x)) x)) ((_ x) x)))
(define one 1)
(define-syntax the-one (syntax-rules () ((_) one)))
(define-syntax count-to
  (syntax-rules () ((_ n body) (loop ((i 0)) (if (< i n) (recur (+ i 1)) body)))))
(define-syntax my-if
  (syntax-rules () ((_ c t e) (cond (c t) (else e)))))
(list (let ((tmp 1) (other 2)) (swap tmp other))
      (let ((t 5) (if list) (let 3)) (my-or #f #f t))
      (let ((list vec) (x 1)) (swap 2 x))
      (f)
      (list a b tmp)
      (let ((one 2)) (the-one))
      (let ((x 2)) (let-syntax ((m (syntax-rules () ((m) x)))) (let ((x 3)) (m))))
      (let ((i 3)) (count-to 2 i))
      (let ((list car) (x 7)) (pair-of x))
      (let loop ((i 5)) (count-to 0 i))
      (let ((else #f)) (append (my-if #t '(1) '(2)) (list (if else 1 0))))
      (list (let ((y 4)) (first-of (y z))) (let ((cons 1)) `(,cons))))
