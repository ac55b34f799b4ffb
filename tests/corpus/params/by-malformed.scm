;; error: => syntax 3:1
(param a 1)
(param b 1 (> 0) by)
