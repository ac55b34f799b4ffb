;; Derivatives flow through fields; a record of the wrong type is an error where it is read.
;; run:  a=3 b=2 => 25
;; grad: a=3 b=2 => a:10 b:14
;; error: a=-1 b=2 => type 10:23
(define-record-type state (make-state prey hunters) state? (prey state-prey) (hunters state-hunters))
(define (step s)
  (make-state (* (state-prey s) (state-prey s)) (+ (state-hunters s) (* (state-prey s) b))))
(define (total s) (+ (state-prey s) (* b (state-hunters s))))
(if (> a 0) (total (step (make-state a 2)))
  (let ((s (list 1))) (state-prey s)))
