;; Macros are made by rules alone.
;; error: => unsupported 3:21
(define-syntax inc! (er-macro-transformer (lambda (form rename compare) form)))
1
