;; The first clause that takes so many arguments.
;; run:  wrong=0 => [9,20,[1,[2,3]],[0],[1,[]],6]
;; error: wrong=1 => arity 12:8
(define area (case-lambda ((r) (* r r)) ((a b) (* a b))))
(define any (case-lambda (() '(0)) ((a . rest) (list a rest))))
(define sum
  (case-lambda
    (() 0)
    ((x) x)
    ((x . more) (+ x (apply sum more)))))
(if (= wrong 1)
    (+ (area 1 2 3) 1)
    (list (area 3) (area 4 5) (any 1 2 3) (any) (any 1) (sum 1 2 3)))
