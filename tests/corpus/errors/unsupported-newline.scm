;; error: => unsupported 3:3
(begin
  (newline)
  1)
