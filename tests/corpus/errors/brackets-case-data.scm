;; error: => syntax 2:10
(case 1 ([1] 2))
