;; run: => [1,2,3]
(define (never) (undefined-name 1))
(define (wrong) (car 1 2 3))
(list (if #t 1 (undefined-name))
      (or 2 (car '()))
      (cond (#t 3) ((error "no") 4)))
