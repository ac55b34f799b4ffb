;; run: => [{"sym":"Hello"},false,{"sym":"list->tree"},{"sym":"..."},{"sym":"!$%&*/:<=>?^_~"},true]
(list 'Hello (eq? 'Hello 'hello) 'list->tree '... '!$%&*/:<=>?^_~ (symbol? '+))
