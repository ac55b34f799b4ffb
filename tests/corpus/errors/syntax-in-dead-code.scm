;; error: => syntax 4:9
(define (never x)
  (let ((a 1)
        (b))
    a))
(if #t 1 (never 2))
