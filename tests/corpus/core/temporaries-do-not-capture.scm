;; run: => [[1,2,3,4,5,6],7,8,9]
(define (all tmp temp t x result key)
  (list (or #f tmp) (or #f temp) (and #t t) (or #f x)
        (cond (#f 0) (else result))
        (case 1 ((1) key))))
(list (all 1 2 3 4 5 6)
      (let ((key 7)) (case 'a ((a) key)))
      (let ((test 8)) (cond ((assv 1 '((1 . 2))) => (lambda (hit) test))))
      (let ((loop 9)) (do ((i 0 (+ i 1))) ((= i 2) loop))))
