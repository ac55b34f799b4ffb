;; run:  x=2.5 => [2.5,2.5,5]
;; grad: x=2.5 => x:[1,1,2]
(list (exact->inexact x) (inexact x) (+ x (inexact (exact->inexact x))))
