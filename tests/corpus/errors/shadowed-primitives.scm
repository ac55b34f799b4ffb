;; error: which=1 => not-a-function 5:24
;; error: which=2 => arity 6:38
;; error: which=3 => type 7:24
(case which
  ((1) (let ((list 5)) (list 1)))
  ((2) (let ((car (lambda (a b) a))) (car '(1))))
  ((3) (let ((plus +)) (plus 1 'a))))
