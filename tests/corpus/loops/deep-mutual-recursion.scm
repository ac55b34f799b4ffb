;; modes: interpreter direct
;; run: => [true,[0,3]]
(define (even2? n) (if (= n 0) #t (odd2? (- n 1))))
(define (odd2? n) (if (= n 0) #f (even2? (- n 1))))
(define (a n) (if (< n 1) (list n 3) (b (- n 1))))
(define (b n) (if (< n 1) (list n 4) (c (- n 1))))
(define (c n) (if (< n 1) (list n 5) (a (- n 1))))
(list (even2? 60000) (a 30000))
