;; run: => [[[1,2,3],[1,3,2],[2,1,3],[2,3,1],[3,1,2],[3,2,1]],24]
(define (remove-one x l)
  (if (= x (car l)) (cdr l) (cons (car l) (remove-one x (cdr l)))))
(define (permutations l)
  (if (null? l)
      '(())
      (apply append
             (map (lambda (x)
                    (map (lambda (p) (cons x p)) (permutations (remove-one x l))))
                  l))))
(list (permutations '(1 2 3)) (length (permutations (iota 4))))
