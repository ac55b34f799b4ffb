;; run: => [103,6]
(define (go x) 100)
(list (let go ((i (go 1))) (if (> i 102) i (go (+ i 1))))
      (let ((i 5)) (let again ((i i) (j i)) (if (= i j) (again (+ i 1) j) i))))
