;; run: => [8,[13,21]]
(list (do ((a 1 b) (b 1 (+ a b)) (i 0 (+ i 1))) ((= i 5) a))
      (do ((a 0 b) (b 1 (+ a b)) (i 0 (+ i 1))) ((= i 7) (list a b))))
