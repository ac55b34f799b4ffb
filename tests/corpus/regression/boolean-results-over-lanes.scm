;; lanes: | x=[1,-1,2,10] => [[true,true,1],[false,false,2],[true,true,2],[true,false,2]]
(list (> x 0) (and (> x 0) (< x 5)) (if (eq? #t (= x 1)) 1 2))
