;; error: => syntax 2:1
(param b 1 (> 0) (> 0.5))
b
