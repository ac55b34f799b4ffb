;; run:  x=2 => 12
;; grad: x=2 => x:5
;; run:  x=4 => 22
;; grad: x=4 => x:5
(define (weight v) (cond ((memv v '(1 2 3)) => car) (else 4)))
(define label (case x ((2) 'two) ((4) 'four) (else 'many)))
(+ (* 5 x) (if (equal? (list x) '(2)) (if (eq? label 'two) 2 0) (if (even? x) (- (weight x) 2) 0)))
