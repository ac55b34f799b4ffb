;; The use is pointed at, not the rule.
;; error: => syntax 5:8
(define-syntax swap
  (syntax-rules () ((_ a b) (list b a))))
(car   (swap 1))
