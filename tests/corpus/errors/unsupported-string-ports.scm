;; error: => unsupported 2:13
(let ((port (open-input-string "1 2")))
  port)
