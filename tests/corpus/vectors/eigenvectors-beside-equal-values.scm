;; modes: interpreter direct nested
;; run:  x=0 => [6,1]
;; grad: x=0 => x:[1,0]
;; What does not ask for the undetermined vectors is not spoilt by them, whether number by number or as a whole.
(define (top m n) (let ((e (eigh m))) (list (ref (car e) n) (ref (cadr e) n n))))
(let ((a (top (mat [2 0 x] [0 2 0] [x 0 (+ 6 x)]) 2)) (b (top (diag [1 1 1 1 1 (+ 6 x)]) 5)))
  (list (+ (car a) (* 0 (car b))) (* (cadr a) (cadr b))))
