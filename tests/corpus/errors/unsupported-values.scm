;; error: => unsupported 2:1
(call-with-values (lambda () 1) list)
