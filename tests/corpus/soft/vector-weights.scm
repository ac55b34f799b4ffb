;; run:  w=[0,0] x=3 => 6.5
;; grad: w=[0,0] x=3 => w:[-1.25,1.25] x:3.5
;; error: w=[0,0,0] x=3 => shape 5:1
;; error: w=[[0,0]] x=3 => type 5:1
(soft-choice ((+ x 1) (* x x)) w)
