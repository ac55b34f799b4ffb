;; error: x=1 => user 6:1
;; error: x=-1 => user 6:1
;; run:   x=0 => 0
;; Both ends on one side, and no number at an end.

(root (lambda (y) (if (< x 0) (log (- -1 (abs y))) (+ (* y y) x))) -1 (if (= x 0) 0 1))
