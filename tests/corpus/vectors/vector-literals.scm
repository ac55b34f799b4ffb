;; A vector is written as Scheme writes one too; it is data, so its numbers are no expressions.
;; run:  x=2 => [[1,2,3],12,[4,5],[{"sym":"a"},[1,2.5],{"sym":"b"}],true,true,false,8,[{"sym":"x"},[1],4],[2,4],1]
(define (same) #(1 2))
(list #(1 2 3)
      (* x (vsum #(1 2 3)))
      '#(4 5)
      '(a #(1 2.5) b)
      (equal? #(1 2) [1 2])
      (eq? (same) (same))
      (eq? #(1 2) #(1 2))
      (vector-ref #(7 8) 1)
      `(x #(1) ,(+ x 2))
      (* x #(1 2))
      (vector-length #(-1e3)))
