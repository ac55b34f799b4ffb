;; error: => syntax 3:1
(param obs 1)
(data-matrix obs (pc1))
obs
