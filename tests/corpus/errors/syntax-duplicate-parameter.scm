;; error: => syntax 3:3
(define f
  (lambda (a b a) b))
(f 1 2 3)
