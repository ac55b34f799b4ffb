;; error: x=1 => user 3:35
;; error: x=2 => user 3:61
(cond ((= x 1) (list 1 (car (list (error "") 2)))) ((= x 2) (error " ")) (else 3))
