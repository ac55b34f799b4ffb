;; fuel: 2000
;; error: => resource
(define (f n) (+ 1 (f n)))
(f 1)
