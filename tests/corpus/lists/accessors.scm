;; run: => [3,4,2,[4],1,[[2]],5,[],[3]]
(define l '((1 2) (3 (5)) 3 4))
(list (caddr l) (cadddr l) (cadar l) (cdddr l) (caar l) (cdr '(1 (2)))
      (caadr (cadr l)) (cddadr l) (list-tail '(1 2 3) 2))
