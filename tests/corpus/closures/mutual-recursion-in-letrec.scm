;; run: => [true,false,[1,0]]
(letrec ((even2? (lambda (n) (if (= n 0) #t (odd2? (- n 1)))))
         (odd2? (lambda (n) (if (= n 0) #f (even2? (- n 1)))))
         (both (lambda (n) (list (if (even2? n) 1 0) (if (odd2? n) 1 0)))))
  (list (even2? 20) (odd2? 20) (both 4)))
