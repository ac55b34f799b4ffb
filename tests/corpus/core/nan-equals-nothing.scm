;; run: => ["nan",false,false,false,false]
(define bad (- (/ 1 0) (/ 1 0)))
(list bad (eqv? bad bad) (= bad bad) (memv bad (list 1 bad)) (< bad 1))
