; The differentiable register machine: the definition. Base b, r registers and p lines are those of
; the inputs, which are matrices unless said otherwise:
;
;   instructions (p x 13), first, second, third (p x r), labels (p x p)   the program, as weights
;   registers (r x b), memory (b x b)   distributions, a row for each register and address
;   wanted (b x b)   what memory is to hold: rows of zeros where anything will do
;   steps, loss-floor   numbers: how many steps at most; what is added to chances in the loss
;
; The value is the loss, the sum of -log(chance of what is wanted + loss-floor).

(define variants '())                     ; of logits, register, one and max
(define (variant? name) (memq name variants))

(define names '(noop zero inc dec add sub max min mod read write jump halt))
(define base (cols registers))
(define lines (rows labels))

; ---- distributions: vectors of chances --------------------------------------------------------

(define (one-hot n size) (list->vec (map (lambda (k) (if (= k n) 1.0 0.0)) (iota size))))

(define (expected chances rows) (matvec (transpose rows) chances))

(define (shifted v by)                    ; of x + by, where v is of x
  (let ((size (vlen v)))
    (list->vec (map (lambda (k) (ref v (modulo (- k by) size))) (iota size)))))

(define all-pairs (append-map (lambda (i) (map (lambda (j) (list i j)) (iota base))) (iota base)))

(define (table f)                         ; for each number the pairs of which f gives it
  (map (lambda (k) (filter (lambda (pair) (= k (modulo (apply f pair) base))) all-pairs))
       (iota base)))

(define tables
  (map table (list + - max min (lambda (x y) (if (= y 0) x (modulo x y))))))

(define (combined table a b)              ; of (f x y), where a and b are of x and y
  (define (chance pair) (* (ref a (car pair)) (ref b (cadr pair))))
  (list->vec (map (lambda (pairs) (sum (map chance pairs))) table)))

(define (moved rows shares goal keeps)    ; each row by its share to the goal, of which it keeps …
  (+ rows (* (outer shares (ones (vlen goal)))
             (- (outer (ones (vlen shares)) goal) (* keeps rows)))))

; ---- a step -----------------------------------------------------------------------------------

(define (softmax-rows m) (list->vec (map softmax (vec->list m))))
(define controller
  (map (if (variant? 'logits) (lambda (m) m) softmax-rows)
       (list instructions first second third labels)))
(define soften (if (variant? 'logits) softmax (lambda (v) v)))

(define (jump-goal label b)
  (define (numbers-of line) (filter (lambda (v) (= line (modulo v lines))) (iota base)))
  (if (variant? 'register)
      (list->vec (map (lambda (line) (sum (map (lambda (v) (ref b v)) (numbers-of line)))) (iota lines)))
      label))

(define (run registers memory line halted n)
  (if (or (= n 0) (> halted 0.99))
      (list registers memory line halted)
      (let* ((mixed (map (lambda (m) (soften (expected line m))) controller))
             (f (car mixed))
             (chance (lambda (name) (ref f (list-index (lambda (other) (eq? name other)) names))))
             (a (expected (list-ref mixed 1) registers))
             (b (expected (list-ref mixed 2) registers))
             (to (list-ref mixed 3))
             (results (append (list (one-hot 0 base) (shifted a 1) (shifted a -1))
                              (map (lambda (table) (combined table a b)) tables)
                              (list (expected a memory))))
             (of-results (slice f 1 10))
             (result (expected of-results (list->vec results)))
             (alive (- 1 halted))
             (next (shifted line 1))
             (jumps (* (chance 'jump) (ref a (if (variant? 'one) 1 0))))
             (goal (jump-goal (list-ref mixed 4) b)))
        (run (moved registers (* alive to) result (vsum of-results))
             (moved memory (* alive (chance 'write) a) b 1)
             (+ line (* alive (- (+ next (* jumps (- goal next))) line)))
             (if (variant? 'max) (max halted (chance 'halt)) (+ halted (* alive (chance 'halt))))
             (- n 1)))))

(define end (run registers memory (one-hot 0 lines) 0 steps))

; ---- the loss ---------------------------------------------------------------------------------

(define each (ones base))
(define asked (matvec wanted each))       ; 1 for each cell that is asked for
(define right (matvec (* (cadr end) wanted) each))
(- (dot asked (log (+ right loss-floor (- 1 asked)))))
