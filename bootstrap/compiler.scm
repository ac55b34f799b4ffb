;; The evaluator: a program in core forms, and an environment with its inputs, to a value.
;;
;; It is written in the language it evaluates, compiled once into `interpreter.ncg`, and able to
;; evaluate itself. Programs come as data, expanded: what is left are constants, places of variables,
;; names of the prelude's procedures, and the forms
;;
;;   (%quote datum)   (%if test then else)   (%lambda count body)   (%lambda-rest count body)
;;   (%let count inits body)   (%letrec count inits body)   (%begin expression …)   (f argument …)
;;
;; whose heads no program can spell, so a name is never taken for a form.
;;
;; Analysis comes first: an expression becomes a procedure from an environment to the value, once;
;; running a program is calling that. An expression is always named by `here`, the pair whose car it
;; is: places in the program's text are known for pairs, and errors, fuel and call chains go by them.
;; An environment is its ribs, one for each form that binds, the innermost first; a variable's place
;; says how many ribs out its value is, and where in that rib. The list of arguments that a procedure
;; is applied to becomes its rib.

(define (evaluate here env)
  ((analyze here) env))

(define (analyze here)
  (let ((x (car here)))
    (cond ((pair? x) (analyze-form here (car x) (cdr x)))
          ((%place? x) (lambda (env) (%env-ref env here)))
          ((symbol? x) (analyze-global here x (%global-ref x)))
          (else (lambda (env) x)))))

(define (analyze-form here head rest)
  (cond ((eq? head '%if) (analyze-if here rest))
        ((eq? head '%quote) (analyze-quote (car rest)))
        ((eq? head '%let) (analyze-let (car rest) (cdr rest)))
        ((eq? head '%lambda) (analyze-lambda (car rest) (cdr rest)))
        ((eq? head '%letrec) (analyze-letrec (car rest) (cdr rest)))
        ((eq? head '%begin) (analyze-sequence rest))
        ((eq? head '%lambda-rest) (analyze-lambda-rest (car rest) (cdr rest)))
        (else (analyze-call here (car here)))))

(define (analyze-global here name value)
  (if value
      (lambda (env) value)
      (lambda (env) (%fail-at here "unbound" name))))

(define (analyze-quote datum)
  (lambda (env) datum))

;; ---- forms ------------------------------------------------------------------------------------

(define (analyze-if here parts)
  (let ((test (analyze parts))
        (then (analyze (cdr parts)))
        (otherwise (analyze (cddr parts))))
    (lambda (env)
      (if (%test-at here (test env)) (then env) (otherwise env)))))

(define (analyze-lambda count here)
  (let ((body (analyze here)))
    (lambda (env)
      (lambda arguments
        (body (%enter env arguments count))))))

;; All arguments after the first `count` are one value, a list.
(define (analyze-lambda-rest count here)
  (let ((body (analyze here)))
    (lambda (env)
      (lambda arguments
        (body (%enter-rest env arguments count))))))

(define (analyze-let count parts)
  (let ((inits (analyze-list (car parts)))
        (body (analyze (cdr parts))))
    (lambda (env)
      (body (%enter env (inits env) count)))))

;; The values are in scope of each other, and come in order; using one before it is there is an error.
(define (analyze-letrec count parts)
  (let ((fill (analyze-fill (car parts) 0))
        (body (analyze (cdr parts))))
    (lambda (env)
      (let ((env (%enter-empty env count)))
        (fill env)
        (body env)))))

(define (analyze-fill here index)
  (let ((init (analyze here)))
    (if (null? (cdr here))
        (lambda (env) (%fill env index (init env)))
        (let ((rest (analyze-fill (cdr here) (+ index 1))))
          (lambda (env)
            (%fill env index (init env))
            (rest env))))))

(define (analyze-sequence here)
  (let ((first (analyze here)))
    (if (null? (cdr here))
        first
        (let ((rest (analyze-sequence (cdr here))))
          (lambda (env)
            (first env)
            (rest env))))))

;; ---- application: operator first, then the arguments from the left ----------------------------

(define (analyze-call here form)
  (let ((f (analyze form))
        (operands (cdr form)))
    (cond ((null? operands)
           (lambda (env) (%apply-at here (f env) '())))
          ((null? (cdr operands))
           (let ((a (analyze operands)))
             (lambda (env) (%apply-at here (f env) (list (a env))))))
          ((null? (cddr operands))
           (let ((a (analyze operands))
                 (b (analyze (cdr operands))))
             (lambda (env) (%apply-at here (f env) (list (a env) (b env))))))
          (else
           (let ((arguments (analyze-list operands)))
             (lambda (env) (%apply-at here (f env) (arguments env))))))))

;; The expressions of a list, to the list of their values.
(define (analyze-list here)
  (if (null? here)
      (lambda (env) '())
      (let ((first (analyze here)))
        (if (null? (cdr here))
            (lambda (env) (list (first env)))
            (let ((rest (analyze-list (cdr here))))
              (lambda (env)
                (let ((value (first env)))
                  (cons value (rest env)))))))))
