;; run:  k=8 m=2 => 2
;; grad: k=8 m=2 => k:0.125 m:-0.5
(define spring (list (cons 'k k) (cons 'm m) (cons 'note "text")))
(define (get key) (cdr (assq key spring)))
(sqrt (/ (get 'k) (get 'm)))
