;; The functions go over the numbers of vectors, as all arithmetic does.
;; run:  x=0.5 y=3 => 12.672149318038533
;; grad: x=0.5 y=3 => x:2.8158766444905448 y:1.289726119771789
(vsum (+ (log1p [x y]) (hypot [x y] 2) (clamp [x y] 0 1) (sign [x y]) (cbrt [x y]) (log-sigmoid [x y])))
