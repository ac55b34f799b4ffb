;; The list of a rest parameter is a list of its own, whatever the procedure was applied to.
;; run:  => [false,false,false,false,false,true,[1,2],[3,[4,5]]]
(define l (list 1 2))
(define (all . r) r)
(define (others a . r) r)
(define-values kept (apply values l))
(list (eq? (apply all l) l)
      (eq? (cdr (apply all (cons 0 l))) l)
      (eq? (apply others 0 l) l)
      (eq? (apply others (cons 0 l)) l)
      (eq? kept l)
      (null? (apply all '()))
      (apply all l)
      (apply (lambda (a . r) (list a r)) '(3 4 5)))
