;; run: => [5,{"str":"yes"},2,[1,2,3],{"str":"ok"},10]
(define (or-else temp) (or #f temp))
(list (or-else 5)
      (let ((memv (lambda (x l) #f)) (eqv? (lambda (a b) #f)))
        (case 2 ((2) "yes") (else "no")))
      (let ((if list)) (cond (#f 1) (else 2)))
      (let ((list 1) (cons 2) (append 3)) `(1 ,(+ 1 1) ,@'(3)))
      (let ((not (lambda (v) v))) (unless #f "ok"))
      (let ((lambda 4) (begin 6)) (let* ((a lambda) (b begin)) (+ a b))))
