;; modes: interpreter direct nested
;; run: x="nan" => [["nan","nan"],["nan","nan"],"nan"]
;; run: x="inf" => [["nan","nan"],["nan","nan"],"nan"]
(define m (mat [x 1] [1 2]))
(list (car (eigh m)) (cadr (svd m)) (vsum (expm m)))
