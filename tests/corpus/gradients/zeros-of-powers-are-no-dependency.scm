;; A power with exponent 0 is 1 whatever its base, and 0 to a power above 0 is 0 whatever that is.
;; run:  a=2 b=3 z=0 => [0,0,0,0,2]
;; grad: a=2 b=3 z=0 => a:[0,0,0,0,1] b:[0,0,0,0,0] z:["-inf",0,"inf",0,0]
;; grad: a=2 b=0 z=0 => a:[0,0,0,0,1] b:[0,0,0,0,0] z:["inf",0,"inf",0,0]
(list (acos (expt b z))
      (acos (expt b 0))
      (sqrt (expt z 1))
      (sqrt (expt 0 a))
      a)
