;; run: => [{"opaque":"point","of":[]},{"opaque":"values","of":[]},{"opaque":"promise","of":[]}]
(define-record-type point (make-point) point?)
(list (make-point) (values) (delay 1))
