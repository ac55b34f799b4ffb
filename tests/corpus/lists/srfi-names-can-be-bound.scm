;; The library's names are names like others: programs bind them, and callers give them as inputs.
;; run:  first=2 count=3 => [2,3,7,[4],1,9]
(define (last items) 7)
(define find 4)
(list first count (last '(1 2)) (list find) (let ((take 1)) take) (let loop ((drop 9)) drop))
