;; error: w=0 => type 7:7
;; error: w=1 => type 8:7
;; error: w=2 => shape 9:7
;; error: w=3 => type 10:7
;; error: w=4 => type 11:7
(case w
 ((0) (soft-if 'a 1 2 3))
 ((1) (soft-choice (1 'b) '(1 2)))
 ((2) (soft-choice (1 2) '(1 2 3)))
 ((3) (soft-choice (1 2) 3))
 ((4) (soft-choice (1 2) '(1 #t)))
 (else (soft-if 1 2 3 4)))
