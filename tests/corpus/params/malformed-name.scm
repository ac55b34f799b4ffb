;; error: => syntax 2:1
(param 5 1)
2
