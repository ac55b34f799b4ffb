;; run: => [true,false,true,false,true,true,false]
(list (< 1 2 3 4) (< 1 2 2) (<= 1 2 2) (= 1 1 2) (>= 3 3 1) (> 3 2 1) (> 3 1 2))
