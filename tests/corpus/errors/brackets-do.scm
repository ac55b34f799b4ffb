;; error: => syntax 2:6
(do ([i 0 (+ i 1)]) ((= i 3) i))
