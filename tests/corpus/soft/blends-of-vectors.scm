;; run:  w=[0,0] x=2 => [[2.5,1.5],[[0.5,1]],[2,3]]
;; grad: w=[0,0] x=2 => w:[[[-0.75,0.75],[0.25,-0.25]],[[[0,0],[0,0]]],[[0,0],[0,0]]] x:[[1,0.5],[[0,0.5]],[0.5,0]]
;; error: w=[1,2] x=3 => shape 6:3
(if (= x 3)
  ; what is blended has one shape
  (soft-if 1 2 [1 2] 3)
  (list (soft-choice ([1 x] [(* 2 x) 1]) w)
        (soft-if 1 1 (mat [1 x]) (zeros 1 2))
        (soft-if x x [x 4] [2 2])))
