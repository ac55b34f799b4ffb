;; run: => [3,[{"pair":[{"sym":"a"},9]},{"pair":[{"sym":"b"},2]}],{"sym":"none"}]
(define (put k v l)
  (cond ((null? l) (list (cons k v)))
        ((eq? (caar l) k) (cons (cons k v) (cdr l)))
        (else (cons (car l) (put k v (cdr l))))))
(define (get k l default)
  (let ((hit (assq k l))) (if hit (cdr hit) default)))
(define l '((a . 1) (b . 2)))
(list (get 'c (put 'c 3 l) 0) (put 'a 9 l) (get 'z l 'none))
