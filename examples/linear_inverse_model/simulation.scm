; What is seen of x' = F x + w through v; w and v have a row for each step.
(loop ((k 0) (x (zeros (rows F))) (obs '()))
  (if (= k (rows w))
      (list->vec (reverse obs))
      (let ((x (+ (matvec F x) (ref w k))))
        (recur (+ k 1) x (cons (+ x (ref v k)) obs)))))
