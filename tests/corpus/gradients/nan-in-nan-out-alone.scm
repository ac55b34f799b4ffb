;; grad: x="nan" y=1 => x:"nan" y:"nan"
;; grad: x=1 y="nan" => x:"nan" y:"nan"
;; grad: x=1 y=2 => x:1 y:1
;; lanes-grad: | x=["nan",1,1] y=[1,"nan",2] => x:["nan","nan",1] y:["nan","nan",1]
(+ (min x y) (max x y))
