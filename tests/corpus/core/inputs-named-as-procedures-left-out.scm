;; Names that Scheme has procedures for are inputs where nothing is applied.
;; run:  angle=0.5 magnitude=2 load=3 => 4
;; grad: angle=0.5 magnitude=2 load=3 => angle:2 magnitude:0.5 load:1
(+ load (* magnitude angle))
