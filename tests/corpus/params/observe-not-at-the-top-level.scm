;; error: => syntax 3:11
(param a 1)
(define f (observe y a))
f
