;; An error in what a rule puts in is at the use; one in a part of the use at that part.
;; error: n=1 => type 7:13
;; error: n=2 => type 8:25
;; error: n=3 => unbound 9:24
(define-syntax first-of (syntax-rules () ((_ x) (car x))))
(define-syntax twice (syntax-rules () ((_ x) (begin x x))))
(if (= n 1) (first-of 5)
  (if (= n 2) (+ (twice (car 1)) 1)
    (if (= n 3) (twice wrong) 0)))
