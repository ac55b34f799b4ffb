;; run: => [[1,3],[1,3],[1],[1,2,3],[1,{"sym":"b"},[1]],[1,2,3],[[1],[2]],[]]
(list (remove even? '(1 2 3))
      (delete 2 '(1 2 3 2))
      (delete 3 '(1 4 7 9) <)
      (delete-duplicates '(1 2 1 3 2))
      (delete-duplicates (list 1 'b '(1) 'b (list 1)))
      (delete-duplicates '(1 2 11 3 12) (lambda (a b) (= (modulo a 10) (modulo b 10))))
      (delete-duplicates '((1) (2) (1)))
      (delete 1 '(1)))
