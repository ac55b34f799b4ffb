;; run:  => [[2,4,6],[1,1],6,[[1,2],[3,4]],[1,2,3]]
(define (twice v) (map (lambda (x) (* 2 x)) (vec->list v)))
(list (list->vec (twice [1 2 3]))
      (fold-left + [0 0] (list [1 0] [0 1]))
      (apply + (vec->list [1 2 3]))
      (list->vec (list [1 2] [3 4]))
      (apply vec '(1 2 3)))
