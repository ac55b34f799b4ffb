;; run: => [9,[0,1,3]]
(list (loop ((i 0) (s 0))
        (if (= i 3) s (recur (+ i 1) (loop ((j 0) (s s)) (if (= j i) (+ s 2) (recur (+ j 1) (+ s 1)))))))
      (map (lambda (n) (loop ((k n) (s 0)) (if (= k 0) s (recur (- k 1) (+ s k))))) '(0 1 2)))
