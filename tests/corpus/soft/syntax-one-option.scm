;; error: => syntax 2:1
(soft-choice (1) (list 1))
