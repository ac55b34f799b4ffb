;; Numbers keep their derivatives on their way through the list library, and decide nothing there but what is asked.
;; run:  x=2 y=3 => [13,6,2,3,5,12]
;; grad: x=2 y=3 => x:[4,3,1,0,1,18] y:[6,2,0,1,1,0]
(define all (list x y))
(list (reduce + 0 (append-map (lambda (v) (list (* v v))) all))
      (reduce-right * 1 (concatenate (list all '(1))))
      (find (lambda (v) (< v 2.5)) all)
      (last (list-copy all))
      (fold + 0 (delete-duplicates (list x y x)))
      (first (unfold (lambda (n) (> n 1)) (lambda (n) (* x x x 1.5)) (lambda (n) (+ n 1)) 1)))
