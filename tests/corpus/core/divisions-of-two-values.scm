;; run:  x=7 => [[3,1],[-4,-1],[-3,-1],[3,-1],[4,0],[3,6],[94906265,118490529],7]
;; grad: x=7 => x:[[0,1],[0,1],[0,0],[0,-1],[0,0],[0,0],[0,0],1]
(define (both produce) (call-with-values produce list))
(list (both (lambda () (floor/ x 2)))
      (both (lambda () (floor/ x -2)))
      '(-3 -1)
      (both (lambda () (truncate/ (- x) -2)))
      (both (lambda () (exact-integer-sqrt 16)))
      (both (lambda () (exact-integer-sqrt 15)))
      (both (lambda () (exact-integer-sqrt 9007199254740754)))
      (receive (q r) (truncate/ x 2) (+ (* 2 q) r)))
