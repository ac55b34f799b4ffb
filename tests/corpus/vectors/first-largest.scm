;; run:  x=1 y=2 => [1,1,3,0]
;; grad: x=1 y=2 => x:[0,0,1,0] y:[0,0,1,0]
;; run:  x=2 y=2 => [0,0,4,1]
;; run:  x="nan" y=3 => [0,0,"nan",1]
;; run:  x=1 y="nan" => [1,1,"nan",0]
;; lanes: | x=[1,2,3] y=[2,2,2] => [[1,1,3,0],[0,0,4,1],[0,0,5,1]]
;; An index has no derivative; of equal numbers the first counts, and NaN is larger than all.
(list (argmax (list x y)) (argmax [x y 1]) (+ x y) (argmax [1 x 0]))
