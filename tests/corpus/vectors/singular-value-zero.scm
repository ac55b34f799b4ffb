;; modes: interpreter direct nested
;; run:  x=2 y=0 => [[2,0],[[1,0],[0,1]],[[1,0],[0,1]],0]
;; grad: x=2 y=0 => x:[[1,0],[[0,"nan"],[0,"nan"]],[[0,0],[0,0]],0] y:[[0,0],[[0,"nan"],[0,"nan"]],[[0,0],[0,0]],0]
;; A singular value 0 has derivative 0, as abs has; its left vector has none.
(let ((d (svd (mat [x 0] [0 y]))))
  (list (cadr d) (car d) (caddr d) (ref (cadr (svd (mat [x x] [x x] [0 0]))) 1)))
