;; error: => syntax 2:55
(define-record-type point (make-point x) point?       [x point-x])
