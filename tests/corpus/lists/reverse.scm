;; run:  x=3 => [3,2,1]
;; grad: x=3 => x:[1,0,0]
;; run:  x=-1 => [-1,2,1]
(reverse (list 1 2 x))
