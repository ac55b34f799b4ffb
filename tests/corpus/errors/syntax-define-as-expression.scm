;; error: => syntax 4:7
(define (f x)
  (if (> x 0)
      (define y 1)
      2))
(f 1)
