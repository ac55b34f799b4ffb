;; run: n=4 => [[[0,0],[1,0],[1,1]],36]
(list (do ((i 1 (- i 1))
           (out '() (do ((j i (- j 1))
                         (out out (cons (list i j) out)))
                        ((< j 0) out))))
          ((< i 0) out))
      (let outside ((i 0) (s 0))
        (if (= i n)
            s
            (outside (+ i 1)
                     (let inside ((j 0) (s s))
                       (if (= j n) s (inside (+ j 1) (+ s (* i j)))))))))
