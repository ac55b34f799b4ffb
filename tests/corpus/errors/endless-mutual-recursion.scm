;; fuel: 2000
;; error: => resource
(define (ping n) (pong (list n)))
(define (pong n) (ping (car n)))
(ping 1)
