;; No derivative passes.
;; run:  x=3 => 1
;; grad: x=3 => x:0
;; run:  x=-2 => -1
;; grad: x=-2 => x:0
;; run:  x=0 => 0
;; grad: x=0 => x:0
(sign x)
