;; run:  => 4.5
;; grad:  => nu:1 rate:1 share:1 low:1
(param nu 0.5 (>= 0))
(param rate 1 (> 0) (< 5))
(param share 2 (<= 8) (>= -1))
(param low 1.0 (<= 3))
(+ nu rate share low)
