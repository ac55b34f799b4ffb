;; modes: interpreter direct
;; run: => [0,{"str":"end"}]
(define (f n . rest) (if (= n 0) 0 (apply f (- n 1) rest)))
(define (g n) (if (= n 0) "end" ((car (list g f)) (- n 1))))
(list (f 50000 1 2) (g 50000))
