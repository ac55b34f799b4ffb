;; modes: interpreter direct
;; run: => 30000
(define (count n k) (if (= n 0) (k 0) (count (- n 1) (lambda (v) (k (+ v 1))))))
(count 30000 (lambda (v) v))
