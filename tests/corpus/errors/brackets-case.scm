;; error: => syntax 2:17
(case 1 ((1) 2) [else 3])
