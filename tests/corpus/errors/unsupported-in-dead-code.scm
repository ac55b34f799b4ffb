;; error: => unsupported 4:7
(define (never x)
  (if (> x 0)
      (set! x 0)
      x))
5
