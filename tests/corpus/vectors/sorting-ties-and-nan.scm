;; run:  x=1 y=1 => [[1,1,2],[2,1,1],["nan"],[0,1,"nan","nan"]]
;; grad: x=1 y=1 => x:[[1,0,0],[0,1,0],[0],[0,1,0,0]] y:[[0,1,0],[0,0,1],[0],[0,0,0,0]]
;; lanes: | x=[1,3,"nan"] y=[1,2,0] => [[[1,1,2],[2,1,1],["nan"],[0,1,"nan","nan"]],[[2,2,3],[3,2,2],["nan"],[0,3,"nan","nan"]],[[0,2,"nan"],["nan",2,0],["nan"],[0,"nan","nan","nan"]]]
;; Equal numbers stay in order, and NaN comes last.
(define not-a-number (sqrt -1))
(list (sort (list x y 2)) (sort (list x y 2) >) (sort (list not-a-number)) (sort [not-a-number x 0 not-a-number]))
