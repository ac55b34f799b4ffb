;; What has no value has no derivatives; steps are flat all the same.
;; run:  x=-1 y="nan" => ["nan","nan","nan","nan","nan","nan","nan","nan","nan"]
;; grad: x=-1 y="nan" => x:["nan","nan","nan",0,"nan","nan","nan",0,"nan"] y:[0,"nan","nan","nan",0,0,0,0,"nan"]
(list (log x) (min x y) (max y x) (abs y) (log x 2) (sqrt x) (acos (* 2 x)) (round y) (remainder y (* 2 x)))
