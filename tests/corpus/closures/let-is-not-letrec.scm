;; run: => [1,0]
(define (f x) 1)
(list (let ((f (lambda (x) (if (= x 0) 0 (f (- x 1)))))) (f 5))
      (letrec ((f (lambda (x) (if (= x 0) 0 (f (- x 1)))))) (f 5)))
