;; run: => [[1,{"sym":"x"},[2,3]],[1,2,3,4],{"pair":[1,{"pair":[2,3]}]},[{"sym":"a"},[{"sym":"quasiquote"},[{"sym":"b"},[{"sym":"unquote"},[{"sym":"c"},7]]]]],[[{"sym":"n"},[1,2]]]]
(list `(1 x (,(+ 1 1) 3))
      `(,@'(1 2) ,@(list 3 4))
      `(1 ,@'(2) . ,(+ 1 2))
      `(a `(b ,(c ,(+ 3 4))))
      (let ((name 'n) (values (list 1 2))) `((,name ,values))))
