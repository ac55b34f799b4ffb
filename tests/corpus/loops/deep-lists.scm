;; modes: interpreter direct
;; run: => [20000,20000,20000,true]
(define l (iota 20000))
(define nested (fold-left (lambda (acc v) (list acc)) '() l))
(define (depth t) (if (null? t) 0 (+ 1 (depth (car t)))))
(list (length (map (lambda (v) (+ v 1)) l))
      (+ 1 (apply max l))
      (depth nested)
      (equal? nested (fold-right (lambda (v acc) (list acc)) '() l)))
