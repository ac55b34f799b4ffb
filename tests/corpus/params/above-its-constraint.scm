;; error: => syntax
(param a 2.5 (between 0 1))
a
