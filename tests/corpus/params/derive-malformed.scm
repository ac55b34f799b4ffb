;; error: => syntax 3:1
(param a 1)
(derive 1 a)
