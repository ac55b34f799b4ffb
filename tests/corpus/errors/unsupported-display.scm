;; error: => unsupported 3:3
(define (show v)
  (display v)
  v)
(show 3)
