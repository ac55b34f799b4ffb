;; run:  list=[[1,2],[3,4]] => 10
(data-matrix list (x y))
(vsum list)
