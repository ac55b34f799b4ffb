;; fuel: 300
;; run: => 55
(let go ((i 0) (s 0)) (if (> i 10) s (go (+ i 1) (+ s i))))
