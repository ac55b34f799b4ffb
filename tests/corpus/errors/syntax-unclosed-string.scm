;; error: => syntax 3:9
(define a 1)
(list a "never closed)
