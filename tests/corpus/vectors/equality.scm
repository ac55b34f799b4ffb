;; run:  x=1 => [true,false,false,true,false]
;; run:  x=2 => [false,false,false,true,false]
(list (equal? [x 2] [1 2])
      (equal? [1 2] (mat [1 2]))
      (equal? [1] '(1))
      (let ((v [1])) (eq? v v))
      (eq? [1] [1]))
