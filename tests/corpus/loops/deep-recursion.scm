;; modes: interpreter direct
;; run: => [50000,1250025000]
(define (depth n) (if (= n 0) 0 (+ 1 (depth (- n 1)))))
(define (build n) (if (= n 0) '() (cons n (build (- n 1)))))
(list (depth 50000) (fold-left + 0 (build 50000)))
