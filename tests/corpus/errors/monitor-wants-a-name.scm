;; error: x=1 => type 2:6
(+ 1 (monitor x 2))
