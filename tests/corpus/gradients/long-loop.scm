;; modes: interpreter direct
;; run:  x=3 k=1 => 1.7353908495419275
;; grad: x=3 k=1 => x:0.36769542477096373 k:-0.7361269765184458
(define dt 0.001)
(loop ((i 0) (y x)) (if (= i 1000) y (recur (+ i 1) (+ y (* dt k (- 1 y))))))
