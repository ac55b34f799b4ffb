;; In data, what stands after a dot continues the list; an empty `begin` in a body is nothing.
;; run: => [true,[1,2,3],5]
(list (equal? '(1 . (2 . (3))) '(1 2 3))
      '(1 . (2 3))
      (let () (begin) 5))
