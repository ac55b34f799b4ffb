; Lynx and hare: the pelts traded by the Hudson's Bay Company, 1900 to 1920, in thousands.
;
;   hare' = alpha hare - beta hare lynx        lynx' = delta hare lynx - gamma lynx
;
; Lotka and Volterra's predator and prey, with all six constants unknown: the four rates and where
; the animals stood in 1900. They start at 1, where nothing changes: the first trajectory is flat.

(param alpha 1 (> 0))
(param beta 1 (> 0))
(param gamma 1 (> 0))
(param delta 1 (> 0))
(param hare0 1 (> 0))
(param lynx0 1 (> 0))

(define steps-per-year 10)
(define dt (/ 1 steps-per-year))

; A state is a list: hare, lynx.
(define (rates state)
  (let ((hare (car state)) (lynx (cadr state)))
    (list (- (* alpha hare) (* beta hare lynx))
          (- (* delta hare lynx) (* gamma lynx)))))

; state + h slope
(define (move state h slope)
  (map (lambda (x v) (+ x (* h v))) state slope))

; One step of the classical Runge-Kutta method.
(define (rk4 state)
  (let* ((k1 (rates state))
         (k2 (rates (move state (/ dt 2) k1)))
         (k3 (rates (move state (/ dt 2) k2)))
         (k4 (rates (move state dt k3))))
    (map (lambda (x a b c d) (+ x (* (/ dt 6) (+ a (* 2 b) (* 2 c) d))))
         state k1 k2 k3 k4)))

(define (a-year-after state)
  (let go ((n 0) (state state))
    (if (= n steps-per-year)
        state
        (go (+ n 1) (rk4 state)))))

; The states of so many years, the first one included.
(define (years count state)
  (if (= count 0)
      '()
      (cons state (years (- count 1) (a-year-after state)))))

(observe-series (hare lynx)
  (years (length hare) (list hare0 lynx0))
  lognormal)
