;; run:  a=2 => [[[1,3],[2,4]],[[2,4],[3,4]],6]
;; grad: a=2 => a:[[[0,0],[0,0]],[[1,2],[0,0]],3]
(define (transposed m) (apply map list m))
(define (product p q)
  (let ((columns (transposed q)))
    (map (lambda (row) (map (lambda (col) (apply + (map * row col))) columns)) p)))
(define m '((1 2) (3 4)))
(list (transposed m)
      (product (list (list a 0) '(0 1)) '((1 2) (3 4)))
      (caar (product (list (list a a)) '((1) (2)))))
