;; run:  a=2 b=3 => [15,36,18,6]
;; grad: a=2 b=3 => a:[3,36,9,3] b:[3,24,12,0]
(define l (list a b (* 0 a) (+ a b) b))
(list (+ a (fold-left + 0 l))
      (fold-right (lambda (v acc) (if (= v 0) acc (* v acc))) 1 (list a a b b 0))
      (apply * (list a b b))
      (reduce + 0 (filter (lambda (v) (< v 2.5)) (list a a a b))))
