;; run: => [[{"sym":"quote"},{"sym":"a"}],[{"sym":"quasiquote"},[{"sym":"a"},[{"sym":"unquote"},{"sym":"b"}]]],[{"sym":"unquote-splicing"},{"sym":"c"}],true]
(list ''a
      '`(a ,b)
      (car '(,@c))
      (equal? ''a '(quote a)))
