;; run:  y=1.5 m=0.25 s=2 => -1.807398213764618
;; grad: y=1.5 m=0.25 s=2 => y:-0.3125 m:0.3125 s:-0.3046875
;; run:  y=-30 m=0 s=0.5 => -1800.2257913526448
;; grad: y=-30 m=0 s=0.5 => y:120 m:-120 s:7198
;; run:  y=0.001 m=0 s=0.001 => 5.488816745777465
;; grad: y=0.001 m=0 s=0.001 => y:-1000 m:1000 s:0
;; run:  y=1 m=0 s=0 => "nan"
;; grad: y=1 m=0 s=0 => y:"nan" m:"nan" s:"nan"
;; run:  y=1 m=0 s=-1 => "nan"
;; grad: y=1 m=0 s=-1 => y:"nan" m:"nan" s:"nan"
;; run:  y="inf" m=0 s=1 => "-inf"
(normal-lpdf y m s)
