;; error: => syntax
(param a 1)
(param b -2 (> 0))
(+ a b)
