;; run: => [[3,10],6]
(list (do ((i 0 (+ i 1)) (k 10)) ((= i 3) (list i k)))
      (let ((l '(1 2 3)))
        (do ((l l (cdr l)) (s 0 (+ s (car l)))) ((null? l) s))))
