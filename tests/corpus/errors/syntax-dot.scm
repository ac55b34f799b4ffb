;; error: => syntax 3:9
(define l '(1 . 2))
(list l (+ 1 . 2))
