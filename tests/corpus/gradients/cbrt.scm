;; Of negative numbers, too; at 0 the slope is infinite.
;; run:  x=27 => 3
;; grad: x=27 => x:0.037037037037037035
;; run:  x=-8 => -2
;; grad: x=-8 => x:0.08333333333333333
;; run:  x=0.3 => 0.6694329500821695
;; grad: x=0.3 => x:0.7438143889801884
;; run:  x=1e-300 => 1e-100
;; grad: x=1e-300 => x:3.3333333333333334e+199
;; run:  x=-1e+300 => -1e+100
;; grad: x=-1e+300 => x:3.3333333333333335e-201
;; run:  x=0 => 0
;; grad: x=0 => x:"inf"
(cbrt x)
