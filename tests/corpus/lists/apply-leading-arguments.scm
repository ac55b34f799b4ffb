;; run:  x=4 => [10,[1,2,3],4,[1,[2,4]],0,7]
;; grad: x=4 => x:[1,[0,0,0],1,[0,[0,1]],0,0]
(define (f a . rest) (list a rest))
(list (apply + 1 2 3 (list x))
      (apply list 1 2 '(3))
      (apply max x '(1 2))
      (apply f 1 2 (list x))
      (apply + '())
      (apply (lambda (a b) (- a b)) 9 '(2)))
