;; What `max` or `min` hides is no dependency: the root's slope at 0 is infinite, and 0 times that is
;; nothing. In a list derivatives are swept forwards, alone backwards.
;; run:  x=1 => [0,1]
;; grad: x=1 => x:[0,1]
;; grad: x=3 => x:[0.5,1]
;; grad: x=-2 => x:[0,1]
;; lanes:      | x=[1,3,6] => [[0,1],[1,3],[2,6]]
(list (sqrt (max 0 (- x 2))) x)
