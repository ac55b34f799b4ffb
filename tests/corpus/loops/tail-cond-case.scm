;; modes: interpreter direct
;; run: => {"str":"end"}
(define (f n) (cond ((< n 0) 'no) ((= n 0) "end") ((odd? n) 1 (g n)) (else (g n))))
(define (g n) (case (modulo n 3) ((0 1) 'x (f (- n 1))) (else 'y (f (- n 1)))))
(f 50000)
