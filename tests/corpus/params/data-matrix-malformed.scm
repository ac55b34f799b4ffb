;; error: => syntax 2:1
(data-matrix obs pc1 pc2)
obs
