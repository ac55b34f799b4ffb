;; grad: a=1 b=2 n=3 => a:12
;; grad: a=1 b=2 n=3 => b:6
;; grad: a=1 b=2 n=3 => a:12 b:6
;; run:  a=1 b=2 n=3 => 12
;; grad: a=1 b=-2 n=2 => b:-4
(if (> b 0)
    (* a b (let go ((i 1) (s 0)) (if (> i n) s (go (+ i 1) (+ s i)))))
    (* a b b))
