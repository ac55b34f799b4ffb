;; Without data, how a column scatters is not looked at; nor are priors and derived quantities.
;; run:  x=2 => 6
;; grad: x=2 => x:3 a:2
(param a 3 (> 0) by subject)
(prior a 1 0.5)
(observe y (* a x) (normal (* 0.1 no-such-name)) (censored below 0.5) (censored above (car 1)))
(derive half-life (/ (log 2) a))
