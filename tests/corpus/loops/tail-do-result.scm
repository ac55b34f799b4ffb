;; modes: interpreter direct
;; run: => {"str":"end"}
(define (f n)
  (do ((i 0 (+ i 1))) ((= i 2) (if (= n 0) "end" (f (- n 1))))))
(f 20000)
