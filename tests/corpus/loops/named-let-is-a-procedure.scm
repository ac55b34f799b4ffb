;; run: => [[1,1,2,3,5,8],[1,2,3,4,5]]
(list (map (lambda (n) (let fib ((n n)) (if (< n 2) 1 (+ (fib (- n 1)) (fib (- n 2))))))
           '(0 1 2 3 4 5))
      (let flatten ((t '(1 (2 (3)) ((4) 5))))
        (cond ((null? t) '())
              ((pair? (car t)) (append (flatten (car t)) (flatten (cdr t))))
              (else (cons (car t) (flatten (cdr t)))))))
