;; error: => unsupported 2:1
(dynamic-wind (lambda () 1) (lambda () 2) (lambda () 3))
