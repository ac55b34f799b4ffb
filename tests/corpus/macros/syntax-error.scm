;; error: => syntax 6:4
(define-syntax positive
  (syntax-rules ()
    ((_ 0) (syntax-error "zero is not positive" 0))
    ((_ x) x)))
(+ (positive 0) 1)
