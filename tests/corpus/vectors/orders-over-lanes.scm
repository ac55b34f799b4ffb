;; lanes: | a=[0,1,2,"nan",-1,2,1] b=[1,0,"nan",2,0,2,1] c=[2,2,0,1,"nan","nan",0] => [[[0,1,2],1],[[0,1,2],5],[[0,2,"nan"],3],[[1,2,"nan"],"nan"],[[-1,0,"nan"],1],[[2,2,"nan"],3],[[0,1,1],5]]
;; Lanes whose order differs take paths of their own, which their outcomes lead to.
(list (sort (list a b c)) (interp a '(0 1 2) '(1 5 3)))
