;; fuel: 5000
;; error: => resource
(define (spin n) (apply spin (map (lambda (v) (+ v 1)) (list n))))
(spin 0)
