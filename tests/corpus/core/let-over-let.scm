;; run: => [[1,2],[2,1],[1,11],[3,6]]
(define a 1)
(define b 2)
(list (list a b)
      (let ((a b) (b a)) (list a b))
      (let* ((b (+ a 10))) (list a b))
      (letrec* ((a 3) (b (* 2 a))) (list a b)))
