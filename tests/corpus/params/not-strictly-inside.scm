;; error: => syntax
(param a 0 (> 0))
a
