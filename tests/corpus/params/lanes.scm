;; lanes:      | t=[0,1,2] => [3,1.5,0.75]
;; lanes-grad: | t=[0,1,2] => amplitude:1.75 half:6
;; lanes-grad: amplitude=1 | t=[1,2] => amplitude:0.75 half:2
(param amplitude 3)
(param half 0.5 (between 0 1))
(* amplitude (expt half t))
