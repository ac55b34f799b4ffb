;; run: => [{"pair":[1,{"pair":[2,3]}]},{"pair":[1,2]},2,{"pair":[1,{"pair":[2,3]}]},false,true,[1]]
(list '(1 2 . 3)
      (cons 1 2)
      (cdr '(1 . 2))
      (append '(1 2) 3)
      (list? '(1 2 . 3))
      (pair? '(1 . 2))
      '(1 . ()))
