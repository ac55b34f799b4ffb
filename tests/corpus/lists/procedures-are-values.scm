;; run: => [{"procedure":true},{"procedure":true},[{"procedure":true},1],true,true,false]
(list car
      (lambda (v) v)
      (list + 1)
      (procedure? map)
      (procedure? (lambda () 1))
      (procedure? 'car))
