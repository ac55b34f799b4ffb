;; error: => syntax 3:1
(data-matrix obs (pc1 pc2))
(data-matrix obs (pc3))
obs
