;; run: => [[1,[]],[1,[2,3]],[],[1,2],[1,2,[3,4]],6]
(define (f a . rest) (list a rest))
(define (g . all) all)
(define h (lambda (a b . c) (list a b c)))
(define (sum . l) (if (null? l) 0 (+ (car l) (apply sum (cdr l)))))
(list (f 1) (apply f '(1 2 3)) (g) (apply g 1 '(2)) (h 1 2 3 4) (sum 1 2 3))
