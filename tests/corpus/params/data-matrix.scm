;; run:  obs=[[1,2],[3,4]] => [6.5,10]
;; grad: obs=[[1,2],[3,4]] => a:[3,4]
;; error: => unbound 7:31
;; A matrix of data is an input.
(param a 1.5)
(data-matrix obs (pc1 pc2))
(vec->list (matvec (transpose obs) [2 a]))
