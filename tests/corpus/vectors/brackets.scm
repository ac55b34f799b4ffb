;; run:  x=4 => [[1,4],3,[[1,2],3],[9,9],9]
;; grad: x=4 => x:[[0,1],0,[[0,0],0],[0,0],0]
;; Brackets in code are vectors whatever `vec` is bound to, and lists in quoted data.
(define pair [1 x])
(define (vec . numbers) 9)
(list (vec->list pair)
      (let ((vec list)) (vlen [1 2 x]))
      '([1 2] 3)
      (vec->list [(vec 1 2) (vec)])
      (vec 1 2))
