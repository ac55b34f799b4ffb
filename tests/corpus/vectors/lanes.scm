;; lanes: v=[1,2,3] | i=[0,2,5] => [1,9,{"error":"index"}]
;; lanes-grad: v=[1,2,3] | i=[0,2] => v:[2,0,6] i:[0,0]
(square (ref v i))
