;; error: => syntax 2:10
(letrec ([f 1]) f)
