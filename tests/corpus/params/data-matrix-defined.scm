;; error: => syntax 3:1
(data-matrix obs (pc1))
(define obs 2)
obs
