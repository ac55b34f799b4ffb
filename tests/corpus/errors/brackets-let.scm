;; error: => syntax 2:7
(let ([x 1]) x)
