;; error: which=1 => type 5:22
;; error: which=2 => unbound 11:25
(define (f x) ; a comment ( with a parenthesis
  (+ x #| and
          another |# (*
     2 (if (= which 1) 'a x))
   )
)
(define s "two
lines")
(list s	(if (= which 2)	nowhere	0) (f 1))
