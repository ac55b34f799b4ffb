;; run: => [1,2,[3],0,{"str":""},[],3]
(list (or #f 1) (and 1 2) (or #f '(3)) (and #t 0) (or "" 1) (or '() 1)
      (cond (#f 1) ('() 3) (else 4)))
