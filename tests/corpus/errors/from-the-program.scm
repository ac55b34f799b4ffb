;; error: x=1 => user 6:18
;; error: x=2 => user 7:18
;; error: x=3 => user 10:15
;; run:   x=4 => 0.25
(define (check v)
  (cond ((= v 1) (error "one"))
        ((= v 2) (error "two:" v '(a "b")))
        (else v)))
(define (inverse v)
  (if (= v 3) (error "three" v) (/ 1 v)))
(inverse (check x))
