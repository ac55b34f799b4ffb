;; run: => [5,3]
(list (let go () 5)
      (let ((n 3)) (let go () (if (< n 0) (go) n))))
