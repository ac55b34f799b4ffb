;; run: cut=2 => [[3,4],[],[1,3],[{"sym":"a"},{"sym":"b"}]]
;; run: cut=9 => [[],[],[1,3],[{"sym":"a"},{"sym":"b"}]]
(list (filter (lambda (v) (> v cut)) '(1 2 3 4))
      (filter even? '())
      (filter odd? '(1 2 3))
      (filter symbol? '(a 1 b "c")))
