; Each observation by the one before: an F that the blur of observations pulls towards 0.
(loop ((k 1) (A 0) (B 0))
  (if (= k (rows obs))
      (transpose (solve B (transpose A)))
      (let ((y (ref obs (- k 1))))
        (recur (+ k 1) (+ A (outer (ref obs k) y)) (+ B (outer y y))))))
