;; run:  s=0 => ["-inf",1]
;; grad: s=0 => s:["inf",0.5]
;; grad: s=-2 => s:[-0.5,0.5]
(list (logdet (mat [s])) (+ 1 (* 0.5 s)))
