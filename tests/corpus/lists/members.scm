;; run: => [[{"sym":"b"},{"sym":"c"}],false,[[2],[3]],[{"str":"b"}],[2,3],{"pair":[{"str":"b"},2]},false]
(list (memq 'b '(a b c))
      (memv 4 '(1 2 3))
      (member '(2) '((1) (2) (3)))
      (member "b" '("a" "b"))
      (memv 2 '(1 2 3))
      (assoc "b" '(("a" . 1) ("b" . 2)))
      (assq 'z '((x 1))))
