;; run: x=3 => 4
(define (soft-choice a b) (+ a b))
(let ((soft-if (lambda (a) a))) (soft-choice (soft-if x) 1))
