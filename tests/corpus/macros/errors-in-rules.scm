;; A template without the ellipsis that its variable needs.
;; error: => syntax 4:41
(define-syntax sum
  (syntax-rules () ((_ x ...) (+ 1 (car x)))))
1
