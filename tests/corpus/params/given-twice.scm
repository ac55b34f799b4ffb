;; error: => syntax
(param a 1)
(param a 2)
a
