;; run: => [[1,1,2,3,4,5,6,9],[9,5,1],[]]
(define (take-every l)
  (if (or (null? l) (null? (cdr l)))
      l
      (cons (car l) (take-every (cddr l)))))
(define (merge a b less?)
  (cond ((null? a) b)
        ((null? b) a)
        ((less? (car b) (car a)) (cons (car b) (merge a (cdr b) less?)))
        (else (cons (car a) (merge (cdr a) b less?)))))
(define (sort l less?)
  (if (or (null? l) (null? (cdr l)))
      l
      (merge (sort (take-every l) less?) (sort (take-every (cdr l)) less?) less?)))
(list (sort '(3 1 4 1 5 9 2 6) <) (sort '(1 9 5) >) (sort '() <))
