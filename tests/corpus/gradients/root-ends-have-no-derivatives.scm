;; run:  lo=0 hi=2 a=5 => 1.6094379124341003
;; grad: lo=0 hi=2 a=5 => lo:0 hi:0 a:0.2
;; grad: lo=-7.5 hi=40 a=5 => lo:0 hi:0 a:0.2
;; Where the search begins does not matter to what it finds: the logarithm, as a root.
(root (lambda (y) (- (exp y) a)) lo hi)
