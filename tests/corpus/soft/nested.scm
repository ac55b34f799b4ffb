;; run:   x=0.8 w=0.3 => 2.0309762017789064
;; grad:  x=0.8 w=0.3 => x:1.519677660425748 w:0.29574694600335383
(define (inner v) (soft-choice (v (* 2 v)) (list w 0)))
(soft-choice ((inner x) (soft-if x 1 x 5)) (list 0 w))
