;; The cofactors divided by 0.
;; run:  x=1 y=1 => "-inf"
;; grad: x=1 y=1 => x:"inf" y:"-inf"
;; grad: x=2 y=1 => x:1.3333333333333333 y:-0.6666666666666666
;; lanes:      | x=[1,2] y=[1,1] => ["-inf",1.0986122886681098]
;; lanes-grad: | x=[1,2] y=[1,1] => x:["inf",1.3333333333333333] y:["-inf",-0.6666666666666666]
(logdet (mat [x y] [y x]))
