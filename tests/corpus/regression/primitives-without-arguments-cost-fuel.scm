;; fuel: 4000
;; error: => resource
(let loop ((i 0)) (begin (+) (list) (if (< i 1000) (loop (+ i 1)) i)))
