;; Records do not change.
;; error: => unsupported 5:26
(define-record-type point
  (make-point x y) point?
  (x point-x) (y point-y set-point-y!))
(point-x (make-point 1 2))
