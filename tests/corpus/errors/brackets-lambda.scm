;; error: => syntax 2:10
((lambda [x] x) 1)
