;; error: => syntax 3:6
(param a 1)
(+ a (derive b a))
