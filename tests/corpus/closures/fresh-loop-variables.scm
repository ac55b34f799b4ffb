;; run: => [[2,1,0],[0,1,4]]
(define thunks
  (do ((i 0 (+ i 1))
       (fs '() (cons (lambda () i) fs)))
      ((= i 3) fs)))
(list (map (lambda (f) (f)) thunks)
      (map (lambda (f) (f)) (map (lambda (i) (lambda () (* i i))) '(0 1 2))))
