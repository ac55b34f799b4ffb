;; run: => [1,-3,-1,0,1,6,12,5,0,2,-2,0.5]
(list (floor-remainder -7 2) (truncate-quotient -7 2) (truncate-remainder -7 2)
      (gcd) (lcm) (gcd -12 18) (lcm -4 6) (gcd 0 5) (lcm 3 0)
      (round 1.5) (round -2.5) (modulo -7.5 2))
