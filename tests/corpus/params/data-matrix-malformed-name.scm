;; error: => syntax 2:1
(data-matrix 5 (pc1))
2
