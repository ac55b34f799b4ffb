;; run:   x=2 => [2,{"sym":"a"}]
;; error: x=2 wrt:x => type
(list x 'a)
