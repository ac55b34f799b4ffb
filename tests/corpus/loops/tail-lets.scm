;; modes: interpreter direct
;; run: => {"str":"end"}
(define (f n)
  (let ((m (- n 1)))
    (let* ((k m) (j k))
      (letrec ((again (lambda () (f j))))
        (letrec* ((stop "end"))
          (define unused 0)
          (begin 1 (if (< n 0) stop (again))))))))
(f 30000)
