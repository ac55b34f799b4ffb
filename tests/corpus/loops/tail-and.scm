;; modes: interpreter direct
;; run: => {"str":"end"}
(define (f n) (and #t (>= n 0) (if (= n 0) "end" (f (- n 1)))))
(f 50000)
