;; run: => [{"str":"a\"b\\c"},{"str":"tab\there"},{"str":""},{"str":"λ"},true,false,true]
(list "a\"b\\c" "tab\there" "" "λ"
      (equal? "ab" "ab")
      (equal? "ab" "abc")
      (string? "a"))
