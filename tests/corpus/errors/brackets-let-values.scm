;; error: => syntax 2:14
(let-values ([(a b) (values 1 2)]) a)
