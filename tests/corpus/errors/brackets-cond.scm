;; error: => syntax 2:7
(cond [(= 1 1) 2] [else 3])
