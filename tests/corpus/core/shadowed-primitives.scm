;; run: => [6,7,[9,9],30]
(define (sum3 list car cdr) (+ list car cdr))
(define (length l) 7)
(list (sum3 1 2 3)
      (length '(1 2))
      (let ((list (lambda (a) (cons a (cons a '()))))) (list 9))
      (let* ((+ -) (- *)) (- 5 (+ 8 2))))
