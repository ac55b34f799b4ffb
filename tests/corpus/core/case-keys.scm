;; run: => [{"str":"symbol"},{"str":"char"},{"str":"bool"},{"str":"nil"},{"sym":"float"},{"sym":"none"}]
(define (kind v)
  (case v
    ((a b) "symbol")
    ((#\a #\b) "char")
    ((#t #f) "bool")
    ((()) "nil")
    ((2.5 1/4) 'float)
    (else 'none)))
(map kind (list 'b #\a #f '() 0.25 'z))
