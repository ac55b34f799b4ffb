;; error: => syntax 2:16
(let go ((i 0) (j)) (if (= i 3) j (go (+ i 1) j)))
