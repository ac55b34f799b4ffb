;; error: => syntax 2:12
(let loop ([i 0]) i)
