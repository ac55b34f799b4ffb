;; modes: interpreter direct
;; run: => 100000
(loop ((i 0) (down 100000))
  (cond ((= down 0) i)
        (else (let ((next (+ i 1))) (recur next (- down 1))))))
