;; run: => [true,false,true,true,true,false,true,true,false,true]
(list (integer? 2.0) (integer? 2.5) (number? 1/2) (real? -1) (even? 0)
      (odd? -2) (odd? -3) (zero? 0.0) (positive? 0) (negative? -1e-9))
