; The spectral radius: the limit of |F^k|^(1/k), by squaring.
(loop ((F F) (share 1.0) (sum 0.0))
  (if (< share 1e-6)
      (exp sum)
      (let ((G (/ F (norm F))))
        (recur (matmul G G) (/ share 2) (+ sum (* share (log (norm F))))))))
