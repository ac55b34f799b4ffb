;; A helper of the prelude is no name of the language, so it is unbound, or whatever the caller gives.
;; error: wrong=0 => unbound 5:16
;; run: map-one=2 wrong=1 => [2,2]
(define (twice x)
  (if (= x 0) (map-one 1) x))
(define (same x) x)
(if (= wrong 1) (list map-one (same map-one)) (twice 0))
