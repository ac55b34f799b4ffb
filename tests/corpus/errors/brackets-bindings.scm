;; error: => syntax 2:6
(let [(x 1)] x)
