;; error: => syntax 3:1
(param a 1)
(observe-series (y z y) (list (list a a a)))
