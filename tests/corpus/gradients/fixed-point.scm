;; run:  a=1 => 0.7390851332151607
;; grad: a=1 => a:-0.29747434150983227
;; lanes-grad: | a=[1,1,1] => a:[-0.29747434150983227,-0.29747434150983227,-0.29747434150983227]
;; The derivative of what `cos` gives back: that of the step by the input, over what is left of 1.
(fixed-point (lambda (y) (cos (* a y))) 0.5)
