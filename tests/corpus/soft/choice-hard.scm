;; relax: temperature=0.2 hard=true
;; run:   x=3.0 v=0.4 w=-0.7 => 0.1411200080598672
;; grad:  x=3.0 v=0.4 w=-0.7 => x:-0.22907841378261293 v:3.331473234892875 w:0.059831334063102176
;; run:   x=3.0 v=0.5 w=0.5 => 3.0
;; run:   x=3.0 v=0.1 w=0.6 => 9.0
; the gradient is that of the soft choice; of equal weights the first wins
(soft-choice (x (* x x) (sin x)) (list v w 0.5))
