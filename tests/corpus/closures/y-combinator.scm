;; run: n=6 => 720
(define (fix f)
  ((lambda (g) (g g))
   (lambda (g) (f (lambda args (apply (g g) args))))))
((fix (lambda (self) (lambda (n acc) (if (= n 0) acc (self (- n 1) (* n acc)))))) n 1)
