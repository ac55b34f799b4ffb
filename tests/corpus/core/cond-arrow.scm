;; run: x=3 => [3,9,[4,3],{"str":"no"}]
(define table '((1 . one) (3 . 9)))
(list (cond ((memv x '(1 2 3)) => car) (else 0))
      (cond ((assv x table) => (lambda (hit) (cdr hit))))
      (cond ((and (> x 1) x) => (lambda (v) (list (+ v 1) v))))
      (cond ((assv 8 table) => cdr) (else "no")))
