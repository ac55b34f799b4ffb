;; run: => [[1,4,9],6,[2]]
(define (null? l) #t)
(define (cdr l) '())
(define (car l) 'mine)
(list (map (lambda (v) (* v v)) '(1 2 3))
      (fold-left + 0 '(1 2 3))
      (filter even? '(1 2 3)))
