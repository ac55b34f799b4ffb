;; run:  x=0 => [0,"-inf","inf",0]
;; grad: x=0 => x:["inf","inf","-inf",0]
(list (sqrt x) (log x) (/ 1 x) (* x x x))
