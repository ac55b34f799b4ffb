;; error: => syntax
(param a 1 (above 0))
a
