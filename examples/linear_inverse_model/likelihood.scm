; The negative log likelihood of the observations, less a constant, by a Kalman filter.
; q and r are the logarithms of the variances of what drives x and of what blurs it.
(define (diagonal v) (* (eye (vlen v)) (outer v v)))
(define Q (diagonal (exp (/ q 2))))
(define R (diagonal (exp (/ r 2))))
(loop ((k 0) (x (zeros (rows F))) (P (eye (rows F))) (sum 0.0))
  (if (= k (rows obs))
      sum
      (let* ((x (matvec F x))
             (P (+ (matmul F (matmul P (transpose F))) Q))
             (S (+ P R))
             (e (- (ref obs k) x))
             (weighted (solve S e)))
        (recur (+ k 1)
               (+ x (matvec P weighted))
               (- P (matmul P (solve S P)))
               (+ sum (* 0.5 (+ (logdet S) (dot e weighted))))))))
