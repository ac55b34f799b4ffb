;; error: => syntax 2:1
(soft-if 1 2 3)
