;; run: => [null,5,[2,1,0],7]
(list (do ((i 0 (+ i 1))) ((= i 3)) (* i i))
      (do () (#t 5))
      (do ((i 0 (+ i 1)) (l '() (cons i l))) ((= i 3) l) (list i) (list l))
      (do ((i 0 (+ i 1))) ((= i 2) 6 7)))
