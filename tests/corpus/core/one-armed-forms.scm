;; run: n=1 => [10,20,30,40]
;; run: n=0 => [null,null,null,null]
(list (if (> n 0) 10)
      (when (> n 0) 20)
      (cond ((> n 0) 30))
      (case n ((1 2) 40)))
