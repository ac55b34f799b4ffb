;; run: => [1,2,{"sym":"end"}]
; one ) line
#| a block with ( and "quote
   #| inside |# still inside |#
(list 1 #;(not (here)) 2 ; the rest ]
      #;3 'end)
#;(nor this)
