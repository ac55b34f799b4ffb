;; run:  x=2 => [[1,4,9],[4,6],[3,7],[1],[[2,4],[6,8]],[12,6]]
;; grad: x=2 => x:[[0,0,0],[0,1],[0,0],[0],[[1,2],[3,4]],[6,3]]
;; run:  x=-1 => [[1,4,9],[4,3],[3,7],[1],[[-1,-2],[-3,-4]],[-6,-3]]
(define (times-x v) (* x v))
(define m (mat [1 2] [3 4]))
(list (vector-map square [1 2 3])
      (vector-map (lambda (a b) (+ a b)) [1 2 3] [3 (+ 2 x)])
      (vector-map vsum m)
      (vector-map (lambda (a) (if (> a 0) a x)) [1])
      (vector-map times-x m)
      (vector-map (lambda (row a) (* a (vsum row))) (mat [x x] [x 0]) [3 3]))
