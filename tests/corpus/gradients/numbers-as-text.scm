;; A text made of a number is that of this number: another number makes another, on whatever path.
;; run:  x=2 => [{"str":"2.0"},true,4]
;; run:  x=3 => [{"str":"3.0"},false,4.5]
;; run:  x=2 => [{"str":"2.0"},true,4]
;; run:  x=0 => [{"str":"0.0"},false,0]
;; run:  x=-0.0 => [{"str":"-0.0"},false,0]
;; lanes: | x=[2,3,-0.0,0] => [[{"str":"2.0"},true,4],[{"str":"3.0"},false,4.5],[{"str":"-0.0"},false,0],[{"str":"0.0"},false,0]]
(define key (number->string x))
(list key (string=? key "2.0") (* x (cdr (assoc key '(("2.0" . 2) ("3.0" . 1.5) ("0.0" . 1) ("-0.0" . 1))))))
