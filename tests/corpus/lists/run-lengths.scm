;; run: => [[[{"sym":"a"},2],[{"sym":"b"},1],[{"sym":"a"},3]],[]]
(define (encode l)
  (define (step l key count)
    (cond ((null? l) (list (list key count)))
          ((eq? (car l) key) (step (cdr l) key (+ count 1)))
          (else (cons (list key count) (step (cdr l) (car l) 1)))))
  (if (null? l) '() (step (cdr l) (car l) 1)))
(list (encode '(a a b a a a)) (encode '()))
