;; run:  x=-1 => 0
;; grad: x=-1 => x:0
;; run:  x=0 => 0
;; grad: x=0 => x:0
;; run:  x=2 => 0.6931471805599453
;; grad: x=2 => x:0.5
(if (> x 0) (log x) 0)
