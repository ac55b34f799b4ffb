;; run: => [3,-3,6,-1,2,[5],7]
(list ((lambda (if) (if 1 2)) +)
      ((lambda (quote) (quote 3)) -)
      ((lambda (lambda) (lambda 1 2 3)) *)
      ((lambda (let) (let 1 2)) -)
      ((lambda (letrec) (letrec 4 2)) /)
      ((lambda (begin) (begin 5)) list)
      ((lambda (define) (define 6 7)) max))
