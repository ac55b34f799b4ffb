;; run: x=3 => [3,[1,{"sym":"a"},{"str":"b"}],true,[1,2],[],[1,3],7]
(list (monitor "x" x)
      (monitor "a list" '(1 a "b"))
      (procedure? (monitor "f" car))
      (map (lambda (y) (monitor "y" y)) (list 1 2))
      (monitor "" '())
      (map monitor (list "one" "x") (list 1 x))
      (let ((monitor +)) (monitor 3 4)))
