;; error: which=1 => type 10:17
;; error: which=2 => unbound 12:29
;; error: which=3 => type 13:32
;; error: which=4 => type 14:18
;; error: which=5 => arity 15:36
;; error: which=6 => type 16:26
;; error: which=7 => unbound 17:44
(case which
  ((1) (let ((a 1)
             (b (car 2)))
         (+ a b)))
  ((2) (let* ((a 1) (b (+ a bee)) (c b)) c))
  ((3) (letrec ((f (lambda (v) (cdr v)))) (f 3)))
  ((4) (do ((i 0 (+ i "1"))) ((= i 3) i)))
  ((5) (do ((i 0 (+ i 1))) ((= i 1 (cons i)) i)))
  ((6) (let go ((i 0) (l (cdr 'x))) i))
  ((7) (let () (define a 1) (define b (+ a aa)) b)))
