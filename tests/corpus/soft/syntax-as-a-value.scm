;; error: => syntax 2:6
(map soft-if (list 1))
