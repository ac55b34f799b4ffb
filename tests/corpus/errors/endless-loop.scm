;; fuel: 1000
;; error: => resource
(let go ((i 0)) (go (+ i 1)))
