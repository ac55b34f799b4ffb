;; error: => unsupported 3:1
(define a 1)
(define-syntax swap!
  (syntax-rules ()
    ((_ a b) (let ((tmp a)) tmp))))
a
