;; error: => syntax 4:1
(param a 1)
(observe y a)
(observe y (+ a 1))
