;; error: => syntax 2:5
`(1 [2 ,(+ 1 1)])
