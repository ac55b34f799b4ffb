;; modes: interpreter direct
;; run: => 0
(define (f n) (or (and (= n 0) n) #f (f (- n 1))))
(f 50000)
