;; modes: interpreter direct
;; run: => {"str":"end"}
(define (f n) (cond ((and (> n 0) n) => (lambda (v) (f (- v 1)))) (else "end")))
(f 50000)
