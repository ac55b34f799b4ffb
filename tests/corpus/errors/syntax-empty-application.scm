;; error: => syntax 3:7
(list 1
      ())
