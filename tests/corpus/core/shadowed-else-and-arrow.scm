;; run: => [2,{"str":"ok"},3]
(list (let ((else #f)) (cond (else 1) (#t 2)))
      (let ((=> #f)) (cond (#t => "ok")))
      (let ((else #f)) (cond (#f 1) (#t 3))))
