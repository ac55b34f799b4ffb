;; Without a cofactor the derivatives are NaN, in a list as alone; of what does not depend on x, 0.
;; run:  x=0 y=2 => ["-inf","-inf"]
;; grad: x=0 y=2 => x:["nan","nan"] y:["nan",0]
(list (logdet (mat [x 0] [0 (* (log y) (min x y))]))
      (logdet (mat [x 0] [0 (* (log 2) (min x y))])))
