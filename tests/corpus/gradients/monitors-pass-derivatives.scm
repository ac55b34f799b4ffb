;; run:  x=1 k=2 => 2
;; grad: x=1 k=2 => x:5 k:1
;; grad: x=-1 k=2 => x:-4 k:1
;; grad: x=0 k=2 => x:0 k:0
;; lanes: k=2 | x=[1,-1] => [2,2]
;; lanes-grad: k=2 | x=[1,-1] => k:2 x:[5,-4]
(+ (* k (monitor "square" (* x x)))
   (if (> x 0) (monitor "above" (log x)) (monitor "below" 0)))
