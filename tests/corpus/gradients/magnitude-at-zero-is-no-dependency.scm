;; `abs` at 0 has derivative 0 and hides what is before and behind it.
;; run:  x=0 => [0,"-inf",0,0]
;; grad: x=0 => x:[0,0,0,1]
;; grad: x=-4 => x:[-0.25,-0.25,"nan",1]
;; grad: x=4 => x:[0.25,0.25,0.25,1]
(list (sqrt (abs x)) (log (abs x)) (abs (sqrt x)) x)
