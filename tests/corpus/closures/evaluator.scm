;; run:  k=5 => 17
;; grad: k=5 => k:2
(define (value e env)
  (cond ((number? e) e)
        ((symbol? e) (cdr (assq e env)))
        ((eq? (car e) 'fn)
         (lambda args (value (caddr e) (append (map cons (cadr e) args) env))))
        ((eq? (car e) 'if)
         (if (value (cadr e) env) (value (caddr e) env) (value (cadddr e) env)))
        (else (apply (value (car e) env) (map (lambda (a) (value a env)) (cdr e))))))
(define base (list (cons 'add +) (cons 'mul *) (cons 'less <) (cons 'k k)))
(value '((fn (f x) (if (less x 10) (f x) 0)) (fn (v) (add (mul k 2) v)) 7) base)
