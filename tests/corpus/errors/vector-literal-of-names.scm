;; error: => syntax 2:11
(vsum #(1 a))
