;; error: => syntax 2:23
(do ((i 0 (+ i 1)))   [(= i 3) i])
