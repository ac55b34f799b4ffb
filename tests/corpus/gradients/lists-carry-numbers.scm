;; run:  x=2 y=5 => 17
;; grad: x=2 y=5 => x:6 y:1
(define l (list x (list y (* 4 x)) '(7)))
(define swapped (reverse (append l (list x))))
(+ (car swapped) (caadr l) (cadr (cadr l)) (- x (caddr (list 0 0 0))) (* 0 (car (caddr l))))
