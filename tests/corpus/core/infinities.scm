;; run: => ["inf","-inf","-inf","nan","inf","inf",0,true,"nan"]
(define inf (/ 1 0))
(list inf (- inf) (/ -1 0) (* 0 inf) (exp 710) (+ inf 1) (exp (- inf))
      (> inf 1e308) (sqrt -4))
