;; The parameters are those of a gamma distribution of rates.
;; run:  k=3 a=2.5 b=0.25 => -2.811653807110138
;; grad: k=3 a=2.5 b=0.25 => a:-0.7015014044975925 b:5.6
;; run:  k=0 a=5 b=2 => -2.0273255405408217
;; grad: k=0 a=5 b=2 => a:-0.4054651081081644 b:0.8333333333333334
;; run:  k=60 a=0.1 b=0.01 => -6.99690632409139
;; grad: k=60 a=0.1 b=0.01 => a:9.896301727015425 b:-49.504950495049506
;; run:  k=-1 a=4 b=1 => "-inf"
;; run:  k=1.5 a=4 b=1 => "-inf"
;; run:  k=1 a=0 b=1 => "nan"
;; run:  k=1 a=1 b=-1 => "nan"
(neg-binomial-lpmf k a b)
