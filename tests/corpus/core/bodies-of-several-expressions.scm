;; run: => [2,4,6,8,10,12,14]
(define (f) 1 2)
(list (f)
      (let ((a 4)) (+ a 1) a)
      (cond (#t 5 6))
      (case 1 ((1) 7 8))
      (when #t 9 10)
      (unless #f 11 12)
      (begin 13 14))
