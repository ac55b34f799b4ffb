;; error: => unsupported 3:3
(define (update v i)
  (vector-set! v i 0)
  v)
(update 1 2)
