;; run:  r=2 => [12,12,12]
;; grad: r=2 => r:[12,12,6]
(define (make-shape kind size)
  (lambda (message)
    (case message
      ((area) (if (eq? kind 'square) (* size size) (* 3 size size)))
      ((side) size)
      (else (error "unknown message" message)))))
(define circle (make-shape 'circle r))
(define (square-of s) (make-shape 'square s))
(list (circle 'area)
      (* 3 ((square-of r) 'area))
      (* 6 (circle 'side)))
