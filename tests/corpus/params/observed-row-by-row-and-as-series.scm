;; error: => syntax 4:1
(param a 1)
(observe y a)
(observe-series (z) (list a))
