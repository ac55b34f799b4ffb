;; Ellipses nested and flattened, tails, dots, literals, constants, custom ellipses, escaped ones.
;; run:  => [3,[[1,2],[3,4]],[1,2,3],[4,3,[1,2]],[[1,2],3],[3,7],[1,2,3],{"str":"literal"},[{"str":"other"},{"sym":"=>"}],[true,false],[[1,2,[3]],[4,5,[]]],4,[{"sym":"a"},{"sym":"b"}],[1,2],[],6,[{"str":"..."},[1,2]],10]
(define-syntax my-let
  (syntax-rules () ((_ ((n v) ...) b ...) ((lambda (n ...) b ...) v ...))))
(define-syntax rows (syntax-rules () ((_ (a ...) ...) '((a ...) ...))))
(define-syntax flat (syntax-rules () ((_ (a ...) ...) '(a ... ...))))
(define-syntax tail
  (syntax-rules () ((_ a ... b c) (list 'c 'b '(a ...)))))
(define-syntax dotted (syntax-rules () ((_ a ... . r) '((a ...) . r))))
(define-syntax seq-maker
  (syntax-rules ()
    ((_ name) (define-syntax name
                (syntax-rules () ((_ expr (... ...)) (list expr (... ...))))))))
(seq-maker seq)
(define-syntax arrow
  (syntax-rules (=>) ((_ a => b) "literal") ((_ a b c) (list "other" 'b))))
(define-syntax even-count?
  (syntax-rules () ((_) #t) ((_ x) #f) ((_ x y . more) (even-count? . more))))
(define-syntax lets
  (syntax-rules () ((_ (a b . c) ...) '((a b c) ...))))
(define-syntax number (syntax-rules () ((_ 1) 4) ((_ "s") 5) ((_ #t) 6) ((_ x) 7)))
(define-syntax quoted (syntax-rules () ((_ x ...) '(x ...))))
(define-syntax vectors (syntax-rules () ((_ [x y] ...) (list (+ x y) ...))))
(define-syntax dots (syntax-rules () ((_ x ...) (list "..." '(x ...)))))
(define-syntax my-do
  (syntax-rules ()
    ((_ ((var init step) ...) (test result) body ...)
     (let again ((var init) ...)
       (if test result (begin body ... (again step ...)))))))
(define-syntax under (syntax-rules (_) ((_ _) 1) ((_ x) 2)))
(list (my-let ((a 1) (b 2)) (+ a b))
      (rows (1 2) (3 4))
      (flat (1 2) (3) ())
      (tail 1 2 3 4)
      (append (list '(1 2)) (cdr (dotted 1 2 . (3))) '(3))
      (let-syntax ((sums (syntax-rules ::: () ((_ (a b) :::) (list (+ a b) :::)))))
        (sums (1 2) (3 4)))
      (seq 1 2 3)
      (arrow 1 => 2)
      (let ((=> 3)) (arrow 1 => 2))
      (list (even-count? 1 2) (even-count? 1 2 3))
      (lets (1 2 3) (4 5))
      (number 1)
      (quoted a b)
      (letrec-syntax
          ((ev (syntax-rules () ((_) '(1 2)) ((_ x . r) (od . r))))
           (od (syntax-rules () ((_) '(3)) ((_ x . r) (ev . r)))))
        (ev 1 2))
      (flat () ())
      (number #t)
      (dots 1 2)
      (my-do ((i 0 (+ i 1)) (s 0 (+ s i))) ((= i 5) s)))
