;; error: => syntax 3:1
(param a 1)
(observe y a gamma)
