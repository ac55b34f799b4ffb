;; run:  a=1 b=2 => 1.0330488871294468
;; grad: a=1 b=2 => k:0.11230875673114556 a:0.3369262701934367 b:-0.34806130846800504
;; Params, inputs and numbers in closures, lists and arguments all have derivatives.
(param k 3.0)
(define (make a)
  (let ((pair (list a k)))
    (lambda (y) (- (+ (* b y) (log y)) (car pair) (* 0 (cadr pair))))))
(define (solve-it f) (root f 0.01 10))
(solve-it (make (+ a (log k))))
