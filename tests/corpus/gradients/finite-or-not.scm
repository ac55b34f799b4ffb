;; What is asked of a number is no dependency of it.
;; run:  x=2 => [4,2]
;; grad: x=2 => x:[4,1]
;; run:  x="inf" => [0,1]
;; grad: x="inf" => x:[0,0]
;; run:  x="nan" => [0,1]
;; lanes: | x=[2,"inf","nan",-3] => [[4,2],[0,1],[0,1],[9,-3]]
(list (if (finite? x) (* x x) 0)
      (if (or (nan? x) (infinite? x)) 1 x))
