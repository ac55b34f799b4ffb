;; Where they are not called they are names like others.
;; run:  prior=2 derive=3 => 6
;; grad: prior=2 derive=3 => prior:3 derive:2
(* prior derive)
