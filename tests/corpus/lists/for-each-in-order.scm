;; run: => [1,[]]
(for-each (lambda (v) (* v 2)) '(1 2 3))
(for-each + '(1 2) '(3 4))
(list 1 '())
