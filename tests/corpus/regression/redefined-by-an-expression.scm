;; run: => 120
(define (fact n) 0)
(define fact (let ((k 1)) (lambda (n) (if (= n 0) k (* n (fact (- n 1)))))))
(fact 5)
