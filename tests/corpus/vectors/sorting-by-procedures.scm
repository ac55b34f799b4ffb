;; run: n=4 => [[[1,{"sym":"z"}],[2,{"sym":"x"}],[2,{"sym":"y"}]],[4,3,2,1,0],[],[3,2,1],[1]]
;; error: n=-1 => type 5:29
;; A sort by a procedure is stable, takes any list, and takes its arguments in either order.
(define (before? p q) (< (car p) (car q)))
(define (down a b) (if (< n (car a)) 0 (> a b)))
(list (sort '((2 x) (1 z) (2 y)) before?)
      (sort (iota 5) >) (sort '() before?) (sort > [1 2 3]) (if (< n 0) (sort '(1 2) down) (sort '(1) down)))
