;; error: => syntax 3:1
(param a 1 (> 0) (< 5))
(param b 1 (> 5) (< 0))
(+ a b)
