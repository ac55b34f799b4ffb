;; run: => [1,2,3,4,5]
(define %if 1)
(define set-x! 2)
(let ((a.b 3) (->v 4) (x? 5))
  (list %if set-x! a.b ->v x?))
