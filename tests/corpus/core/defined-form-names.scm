;; run: => [20,"inf",[1,2]]
(define (when n) (* n 10))
(define (loop n) (/ n 0))
(define (unless a b) (list a b))
(list (when 2) (loop 1) (unless 1 2))
