;; error: => syntax 3:1
(param a 1)
(prior a 1)
