;; run: => [3,5,7,9,11,13,15]
(list ((lambda () (define a 3) a))
      (let () (define a 5) a)
      (let* ((k 3)) (define a (+ k 4)) a)
      (letrec ((k 4)) (define a (+ k 5)) a)
      (letrec* ((k 5)) (define a (+ k 6)) a)
      (let go ((i 0)) (define done (= i 3)) (if done 13 (go (+ i 1))))
      (let ((f (lambda args (define n (length args)) (* 5 n)))) (f 1 2 3)))
