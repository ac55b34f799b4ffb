;; fuel: 100
;; run:   n=3 => 6
;; error: n=1000 => resource
(do ((i 0 (+ i 1)) (s 0 (+ s i))) ((> i n) s))
