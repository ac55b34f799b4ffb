;; The prelude's densities: logarithms of densities and of probabilities of counts, in Stan's order and with
;; its parameters.
;;
;; Like `prelude.scm`, of which it is a part. Outside of the support they are -inf; where the parameters are
;; those of no distribution, NaN, with NaN derivatives.

;; f log x; a share of 0 has none of an infinite logarithm.
(define (%times-log f x)
  (if (= x 0)
      (if (= f 0) (* f x) (* f (log x)))
      (* f (log x))))

(define (%count? n)
  (and (>= n 0) (= n (floor n)) (< n +inf.0)))

(define (%share? p)
  (and (>= p 0) (<= p 1)))

(define (normal-lpdf y mu sigma)
  (if (> sigma 0)
      (- (* -0.5 (square (/ (- y mu) sigma)))
         (log sigma)
         0.9189385332046728)
      (* +nan.0 (+ y mu sigma))))

(define (lognormal-lpdf y mu sigma)
  (if (<= y 0)
      (if (> sigma 0) -inf.0 (* +nan.0 (+ y mu sigma)))
      (- (normal-lpdf (log y) mu sigma) (log y))))

(define (student-t-lpdf y nu mu sigma)
  (if (and (> nu 0) (> sigma 0))
      (- (* -0.5 (+ nu 1) (log1p (/ (square (/ (- y mu) sigma)) nu)))
         (lbeta (* 0.5 nu) 0.5)
         (* 0.5 (log nu))
         (log sigma))
      (* +nan.0 (+ y nu mu sigma))))

;; beta is a rate.
(define (gamma-lpdf y alpha beta)
  (cond ((not (and (> alpha 0) (> beta 0))) (* +nan.0 (+ y alpha beta)))
        ((or (< y 0) (= y +inf.0)) -inf.0)
        (else (- (+ (* alpha (log beta)) (%times-log (- alpha 1) y))
                 (* beta y)
                 (lgamma alpha)))))

(define (beta-lpdf theta alpha beta)
  (cond ((not (and (> alpha 0) (> beta 0))) (* +nan.0 (+ theta alpha beta)))
        ((or (< theta 0) (> theta 1)) -inf.0)
        (else (- (+ (%times-log (- alpha 1) theta) (%times-log-less (- beta 1) theta))
                 (lbeta alpha beta)))))

;; f log (1 - x), as `%times-log`.
(define (%times-log-less f x)
  (if (= x 1)
      (if (= f 0) (* f x) (* f (log1p (- x))))
      (* f (log1p (- x)))))

;; Far out by what a large count is beside its mean, where the terms of the other would cancel.
(define (poisson-lpmf n lambda)
  (cond ((not (>= lambda 0)) (* +nan.0 lambda))
        ((not (%count? n)) (if (= n n) -inf.0 (* +nan.0 lambda)))
        ((< n 1000) (- (%times-log n lambda) lambda (lgamma (+ n 1))))
        (else (- (* n (%log1p-less (/ (- lambda n) n)))
                 (* 0.5 (log n))
                 0.9189385332046728
                 (/ (- 1/12 (/ 1/360 (square n))) n)))))

;; log (1 + x) - x
(define (%log1p-less x)
  (- (log1p x) x))

(define (binomial-lpmf n trials theta)
  (cond ((not (and (%share? theta) (%count? trials))) (* +nan.0 theta))
        ((not (and (%count? n) (<= n trials))) (if (= n n) -inf.0 (* +nan.0 theta)))
        (else (- (+ (%times-log n theta) (%times-log-less (- trials n) theta))
                 (log (+ trials 1))
                 (lbeta (+ n 1) (+ (- trials n) 1))))))

;; alpha is the shape, beta the inverse scale: the mean is alpha / beta.
(define (neg-binomial-lpmf n alpha beta)
  (cond ((not (and (> alpha 0) (> beta 0))) (* +nan.0 (+ alpha beta)))
        ((not (%count? n)) (if (= n n) -inf.0 (* +nan.0 (+ alpha beta))))
        (else (- (* (- alpha) (log1p (/ 1 beta)))
                 (* n (log1p beta))
                 (log (+ n alpha))
                 (lbeta (+ n 1) alpha)))))
