;; run:  x=3 => "-inf"
;; grad: x=3 => x:"-inf"
;; grad: x=5 => x:0.5
(logdet (mat [1 2 3] [2 1 3] [1 1 (- x 1)]))
