;; run:  x=1 => [2,2,2]
;; grad: x=1 => x:[3,3,3]
;; run:  x=0 => [0,0,0]
;; grad: x=0 => x:[2,2,2]
;; run:  x=3 => [8,8,8]
;; grad: x=3 => x:[0,3,0]
;; run:  x="inf" => [8,"inf",8]
;; run:  x="nan" => ["nan","nan","nan"]
;; grad: x="nan" => x:["nan","nan","nan"]
;; Derivatives at knots are those to the right; beyond the last the function is constant or goes on.
(define knots '(0 1 3))
(define values '(0 2 8))
(list (interp x knots values) (interp x knots values 'linear) (interp x (list->vec knots) (list->vec values) 'constant))
