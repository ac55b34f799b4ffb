;; run: => [6,3,10,9]
(define (display v) (* v 2))
(list (display 3)
      (let ((set! +)) (set! 1 2))
      ((lambda (call/cc) (call/cc 5 5)) +)
      (let ((delay square)) (delay 3)))
