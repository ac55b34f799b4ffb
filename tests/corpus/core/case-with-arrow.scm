;; run: n=2 => 4
;; run: n=7 => -7
(case n
  ((1 2 3) => (lambda (v) (* v v)))
  (else => -))
