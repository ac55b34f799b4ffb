;; error: n=0 => index 7:8
;; error: n=1 => index 8:8
;; error: n=2 => index 9:8
;; error: n=3 => index 10:8
;; error: n=4 => type 11:8
(case n
  ((0) (ref (ones 3) 1e300))
  ((1) (list-ref (list 1 2 3) 18446744073709551616))
  ((2) (list-tail (list 1 2 3) 1e308))
  ((3) (ref (eye 2) 1 1e15))
  ((4) (gcd 1e308 4.9e-324)))
