;; error: => syntax 2:14
(case-lambda [(x) x])
