;; A power with exponent 0 is 1 whatever its base, and powers of 0 and 1 are these whatever the exponent
;; above 0.
;; run:  a=2 b=3 z=0 => [0,0,0,0,0]
;; grad: a=2 b=3 z=0 => a:[0,0,0,0,0] b:[0,0,0,0,0] z:["-inf",0,"inf",0,0]
;; grad: a=2 b=0 z=0 => a:[0,0,0,0,0] b:[0,0,0,0,0] z:["inf",0,"inf",0,0]
(list (acos (expt b z))
      (acos (expt b 0))
      (sqrt (expt z 1))
      (sqrt (expt 0 a))
      (acos (expt 1 a)))
