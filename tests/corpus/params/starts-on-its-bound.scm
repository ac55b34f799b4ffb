;; error: => syntax 2:1
(param nu 0 (>= 0))
nu
