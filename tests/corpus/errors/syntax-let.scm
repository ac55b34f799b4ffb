;; error: => syntax 4:8
(let* ((a 1)
       (b 2)
       (c 3 4))
  (+ a b c))
