;; run: => [3,-1,{"str":"b"},5]
(list ((if #t + -) 1 2)
      ((cond (#f +) (else -)) 1 2)
      (((lambda (f) f) cadr) '("a" "b"))
      ((let ((k 2)) (lambda (v) (+ v k))) 3))
