;; run: => [[3,4],{"pair":[2,{"str":"b"}]},false]
(list (member 2.5 '(1 2 3 4) <)
      (assoc 2.0 '((1 . "a") (2 . "b")) =)
      (member 9 '(1 2) =))
