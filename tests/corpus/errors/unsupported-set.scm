;; error: => unsupported 4:3
(define count 0)
(define (next)
  (set! count (+ count 1))
  count)
(next)
