;; run:  x=2 => [6,24,[1,3,6],0,1,[],[],[],2.5,0,"-inf",2,2]
;; grad: x=2 => x:[0,0,[0,0,0],0,0,[],[],[],0.5,0,0,1,1]
;; The empty list has a sum, a product and a largest of its own; one number is itself.
(list (sum '(1 2 3)) (prod (list 1 2 3 4)) (cumsum '(1 2 3))
      (sum '()) (prod '()) (cumsum '()) (sort '()) (softmax '()) (mean (list x 3)) (variance '(4 4)) (logsumexp '()) (logsumexp (list x)) (sum [x]))
