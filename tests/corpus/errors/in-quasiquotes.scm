;; error: which=1 => type 5:16
;; error: which=2 => unbound 6:22
;; error: which=3 => user 7:21
(case which
  ((1) `(a (b ,(car '()))))
  ((2) `(1 ,@(list 2 three)))
  ((3) `(1 `(2 ,(3 ,(error "in the inner unquote"))))))
