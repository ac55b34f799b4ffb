;; run: => [[1,3],[[1,2],[3,4]],6,[4,-2,0.5],3,[[1,3],[2,4]],[2,[]],2]
(list (map car '((1 2) (3 4)))
      (map list '(1 3) '(2 4))
      (fold-left + 0 '(1 2 3))
      (map (lambda (f) (f 2)) (list square - /))
      (apply apply (list + (list 1 2)))
      (apply map list '((1 2) (3 4)))
      (map (lambda (f) (f '(2))) (list car cdr))
      ((car (list cadr cddr)) '(1 2 3)))
