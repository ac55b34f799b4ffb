;; The evaluator: a program in core forms, and the names and values of its inputs, to a value.
;;
;; It is written in the language it evaluates, compiled once into `interpreter.ncg`, and able to
;; evaluate itself. Programs come as data, expanded: what is left are constants, names and the forms
;;
;;   (%quote datum)   (%if test then else)   (%lambda names body)   (%lambda-rest names body)
;;   (%let names inits body)   (%letrec names inits body)   (%begin expression …)   (f argument …)
;;
;; whose heads no program can spell, so a name is never taken for a form.
;;
;; Analysis comes first: an expression becomes a procedure from an environment to the value, once;
;; running a program is calling that. An expression is always named by `here`, the pair whose car it
;; is: places in the program's text are known for pairs, and errors, fuel and call chains go by
;; them. A scope is a list of ribs of names, each headed by what its values are, `value` or `cell`;
;; an environment is a list of ribs of values in the same shape. The list of arguments that a
;; procedure is applied to is its rib.

(define (evaluate here names values)
  ((analyze here (list (cons 'value names))) (list values)))

(define (analyze here scope)
  (let ((x (car here)))
    (if (pair? x)
        (analyze-form here (car x) (cdr x) scope)
        (if (symbol? x)
            (analyze-name here x scope)
            (lambda (env) x)))))

(define (analyze-form here head rest scope)
  (cond ((eq? head '%if) (analyze-if here rest scope))
        ((eq? head '%quote) (analyze-quote (car rest)))
        ((eq? head '%let) (analyze-let rest scope))
        ((eq? head '%lambda) (analyze-lambda rest scope))
        ((eq? head '%letrec) (analyze-letrec rest scope))
        ((eq? head '%begin) (analyze-sequence rest scope))
        ((eq? head '%lambda-rest) (analyze-lambda-rest rest scope))
        (else (analyze-call here (car here) scope))))

(define (analyze-quote datum)
  (lambda (env) datum))

;; ---- names ------------------------------------------------------------------------------------

;; A name has a place in the scope, the same that its value has in every environment: how many ribs
;; out, and where in that rib. One without a place can only be a primitive or of the prelude.
(define (analyze-name here name scope)
  (let ((place (%place-of name scope)))
    (if place
        (analyze-variable here scope (car place) (cdr place))
        (analyze-global here name (%global-ref name)))))

(define (analyze-variable here scope depth index)
  (if (eq? (car (list-ref scope depth)) 'cell)
      (lambda (env) (%cell-ref here (%env-ref env depth index)))
      (lambda (env) (%env-ref env depth index))))

(define (analyze-global here name value)
  (if value
      (lambda (env) value)
      (lambda (env) (%fail-at here "unbound" name))))

;; ---- forms ------------------------------------------------------------------------------------

(define (analyze-if here parts scope)
  (let ((test (analyze parts scope))
        (then (analyze (cdr parts) scope))
        (otherwise (analyze (cddr parts) scope)))
    (lambda (env)
      (if (%test-at here (test env)) (then env) (otherwise env)))))

(define (analyze-lambda parts scope)
  (let ((body (analyze (cdr parts) (cons (cons 'value (car parts)) scope)))
        (count (length (car parts))))
    (lambda (env)
      (lambda arguments
        (body (cons (%exactly arguments count) env))))))

;; The last name takes all further arguments as a list.
(define (analyze-lambda-rest parts scope)
  (let ((body (analyze (cdr parts) (cons (cons 'value (car parts)) scope)))
        (count (- (length (car parts)) 1)))
    (lambda (env)
      (lambda arguments
        (body (cons (%at-least arguments count) env))))))

(define (analyze-let parts scope)
  (let ((inits (analyze-list (cadr parts) scope))
        (body (analyze (cddr parts) (cons (cons 'value (car parts)) scope))))
    (lambda (env)
      (body (cons (inits env) env)))))

;; The names live in cells, which are filled in order; using an empty one is an error.
(define (analyze-letrec parts scope)
  (let* ((names (car parts))
         (inner (cons (cons 'cell names) scope))
         (fill (analyze-fill (cadr parts) inner))
         (body (analyze (cddr parts) inner)))
    (lambda (env)
      (let* ((cells (make-cells names))
             (env (cons cells env)))
        (fill env cells)
        (body env)))))

(define (make-cells names)
  (if (null? names)
      '()
      (cons (%cell) (make-cells (cdr names)))))

(define (analyze-fill here scope)
  (let ((init (analyze here scope)))
    (if (null? (cdr here))
        (lambda (env cells) (%cell-fill (car cells) (init env)))
        (let ((rest (analyze-fill (cdr here) scope)))
          (lambda (env cells)
            (%cell-fill (car cells) (init env))
            (rest env (cdr cells)))))))

(define (analyze-sequence here scope)
  (let ((first (analyze here scope)))
    (if (null? (cdr here))
        first
        (let ((rest (analyze-sequence (cdr here) scope)))
          (lambda (env)
            (first env)
            (rest env))))))

;; ---- application: operator first, then the arguments from the left ----------------------------

(define (analyze-call here form scope)
  (let ((f (analyze form scope))
        (operands (cdr form)))
    (cond ((null? operands)
           (lambda (env) (%apply-at here (f env) '())))
          ((null? (cdr operands))
           (let ((a (analyze operands scope)))
             (lambda (env) (%apply-at here (f env) (list (a env))))))
          ((null? (cddr operands))
           (let ((a (analyze operands scope))
                 (b (analyze (cdr operands) scope)))
             (lambda (env) (%apply-at here (f env) (list (a env) (b env))))))
          (else
           (let ((arguments (analyze-list operands scope)))
             (lambda (env) (%apply-at here (f env) (arguments env))))))))

;; The expressions of a list, to the list of their values.
(define (analyze-list here scope)
  (if (null? here)
      (lambda (env) '())
      (let ((first (analyze here scope)))
        (if (null? (cdr here))
            (lambda (env) (list (first env)))
            (let ((rest (analyze-list (cdr here) scope)))
              (lambda (env)
                (let ((value (first env)))
                  (cons value (rest env)))))))))
