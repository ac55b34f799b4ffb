;; error: => syntax 2:1
(data-matrix obs ())
obs
