;; run:  a=1 x=1 x0=2 => 0
;; grad: a=1 x=1 x0=2 => a:0 x:0 x0:0
;; grad: a=3 x=6 x0=2 => a:2 x:0.75 x0:-0.75
;; lanes:      a=3 x0=2 | x=[1,0,6] => [0,0,6]
;; lanes-grad: a=3 x0=2 | x=[1,0,6] => a:2 x0:-0.75 x:[0,0,0.75]
(* a (sqrt (max 0 (- x x0))))
