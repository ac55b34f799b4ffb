;; What the prelude is written with is none of a program's names: it may bind them all, as inputs too.
;; run:  map-one=3 => [[4],6,2,[1,2]]
(define (filter-onto x) (* 2 x))
(define (fold-one x) (- x 1))
(define (some-null? x) x)
(define (shifted items)
  (let ((fold-many 1) (count-down list))
    (map (lambda (x) (+ x fold-many)) (filter (lambda (x) (< x 9)) items))))
(define % 1)
(list (shifted (list (* % (some-null? (+ map-one 0)))))
      (filter-onto 3)
      (fold-one 3)
      (map (lambda (x) (+ x 1)) '(0 1)))
