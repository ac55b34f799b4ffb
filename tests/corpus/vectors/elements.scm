;; run: i=1 => [20,[3,4],6,3,2]
;; grad: i=1 x=5 => x:[0,[0,0],0,0,0]
;; error: i=3 => index 6:7
(define m (mat [1 2] [3 4] [5 6]))
(define v (vec 10 20 30))
(list (ref v i) (ref m i) (ref m 2 1) (vlen m) (cols m))
