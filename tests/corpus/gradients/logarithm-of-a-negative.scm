;; run:  x=-2 => "nan"
;; grad: x=-2 => x:"nan"
;; grad: x=0 => x:"inf"
;; grad: x=4 => x:0.25
;; lanes-grad: | x=[-2,4,0] => x:["nan",0.25,"inf"]
(log x)
