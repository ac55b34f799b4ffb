;; lanes:      a=3 | x=[2,-1,4] => [6,{"error":"user"},12]
;; lanes-grad: a=3 | x=[2,-1,4] => a:6 x:[3,null,3]
(if (< x 0) (error "below zero" x) (* a x))
