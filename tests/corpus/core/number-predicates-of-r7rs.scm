;; A tag says what is exact; whether a number is an integer, its value does.
;; run:  => [[true,false,false],[true,false,false],[false,true,true],[true,true,false],[true,false,true],[false,true,false,false,true],[true,false,false,false],[true,false],[true,true,true,false],[true,false,true]]
(list (list (nan? (/ 0 0)) (nan? 1.0) (nan? (/ 1 0)))
      (list (finite? 1) (finite? (/ 1 0)) (finite? (/ 0 0)))
      (list (infinite? 1.5) (infinite? (/ 1 0)) (infinite? (/ -1 0)))
      (list (rational? 1) (rational? 1.5) (rational? (/ 1 0)))
      (list (exact? 1) (exact? 1.5) (exact? (+ 1 (* 2 3))))
      (list (inexact? 1) (inexact? 2.0) (inexact? (exact 2.0)) (inexact? 7) (inexact? (/ 4 2)))
      (list (exact-integer? 5) (exact-integer? 5.0) (exact-integer? 'a) (exact-integer? 2.5))
      (list (complex? 1) (complex? 'a))
      (list (boolean=? #t #t) (boolean=? #f #f #f) (symbol=? 'a 'a 'a) (symbol=? 'a 'a 'b))
      (list (boolean=? (< 1 2) #t) (rational? "1") (= 2 2.0)))
