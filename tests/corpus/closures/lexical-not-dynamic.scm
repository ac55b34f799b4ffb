;; run: => [1,12,[1,99]]
(define x 1)
(define (get) x)
(define (adder n) (lambda (v) (+ v n)))
(list (let ((x 2)) (get))
      (let ((n 100)) ((adder 2) 10))
      (let ((x 99)) (list (get) x)))
