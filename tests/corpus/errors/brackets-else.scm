;; error: => syntax 2:16
(cond (#f 2)   [else 3])
