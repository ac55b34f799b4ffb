;; error: => unsupported 3:3
(let ((l (list 1 2)))
  (set-car! l 9)
  l)
