;; error: => syntax 3:1
(param a 1)
(observe y a poisson (censored below 1))
