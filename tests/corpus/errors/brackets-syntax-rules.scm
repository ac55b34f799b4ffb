;; error: => syntax 3:20
(define-syntax m
  (syntax-rules () [(_ x) x]))
