;; run:  x=0.5 => [2.25,1.25,0.5]
;; grad: x=0.5 => x:[3,1,1]
(define (compose . fs)
  (if (null? fs)
      (lambda (v) v)
      (lambda (v) ((car fs) ((apply compose (cdr fs)) v)))))
(define (add1 v) (+ v 1))
(list ((compose square add1) x)
      ((compose add1 (lambda (v) (- v 0.25))) x)
      ((compose) x))
