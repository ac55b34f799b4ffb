;; run:  x=1 => 2
;; grad: x=1 => threshold:0 gain:1 x:2
;; run:  x=1 threshold=3 => 1
;; grad: x=1 threshold=3 => threshold:0 gain:0 x:1
(param threshold 0.5)
(param gain 2)
(if (> x threshold) (* gain x) x)
