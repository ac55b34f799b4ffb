;; run: => [{"char":"a"},{"char":" "},{"char":"\n"},{"char":"("},{"char":"λ"},{"char":"A"},true,true,false]
(list #\a #\space #\newline #\( #\λ #\x41
      (char? #\a) (eqv? #\a #\a) (equal? #\a "a"))
