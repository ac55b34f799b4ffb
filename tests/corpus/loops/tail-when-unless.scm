;; modes: interpreter direct
;; run: => {"str":"end"}
(define (f n) (when #t 1 (g n)))
(define (g n) (unless (< n 0) 2 (if (= n 0) "end" (f (- n 1)))))
(f 50000)
