;; run: => [24,1,1000]
(define (power-mod base e m)
  (loop ((base (modulo base m)) (e e) (out 1))
    (cond ((= e 0) out)
          ((odd? e) (recur (modulo (* base base) m) (quotient e 2) (modulo (* out base) m)))
          (else (recur (modulo (* base base) m) (quotient e 2) out)))))
(list (power-mod 2 10 1000) (power-mod 7 96 97) (power-mod 10 3 10000))
