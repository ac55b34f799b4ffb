;; The prelude: the procedures that take procedures, on lists and vectors, and predicates of numbers.
;;
;; Compiled into the interpreter beside the evaluator, and into direct programs that use them;
;; `lists.scm`, `text.scm`, `densities.scm` and `roots.scm` go with it. An error in here belongs to the
;; program's call; so does the place of a wrong argument. Names that begin with `%` are no program's to spell.
;;
;; Arguments are refused in the name of whoever is called, counts first: `%at-most` of those beyond the
;; parameters, `%check` by a predicate, `%whole` for counts and indices. What ends a list that is gone
;; through is looked at where it ends, so that nothing is gone through twice. Words of messages are
;; symbols, which take no cells; strings would be copied to the heap of every run.

;; ---- what is no list ----------------------------------------------------------------------------

;; The end of a list: what has been made of it, if it is the empty list.
(define (%no-list name what end done)
  (%wants name what (if (null? done) end (cons '() end))))

;; Whether all lists have an item; one that ends otherwise than in the empty list is refused.
(define (%all-pairs? name lists)
  (if (null? lists)
      #t
      (if (pair? (car lists))
          (%all-pairs? name (cdr lists))
          (%some-end name lists))))

(define (%some-end name lists)
  (if (null? lists)
      #f
      (if (pair? (car lists))
          (%some-end name (cdr lists))
          (if (null? (car lists))
              (%some-end name (cdr lists))
              (%wants name 'lists (car lists))))))

;; ---- map and for-each ---------------------------------------------------------------------------

(define (map f first . more)
  (%check procedure? 'map f)
  (if (null? more)
      (%map-one f first '())
      (%map-many 'map f (cons first more) '())))

(define (%map-one f items done)
  (if (pair? items)
      (%map-one f (cdr items) (cons (f (car items)) done))
      (if (null? items)
          (reverse done)
          (%no-list 'map 'lists items done))))

;; As many times as the shortest list is long.
(define (%map-many name f lists done)
  (if (%all-pairs? name lists)
      (%map-many name f (%map-one cdr lists '()) (cons (apply f (%map-one car lists '())) done))
      (reverse done)))

(define (for-each f first . more)
  (%check procedure? 'for-each f)
  (if (null? more)
      (%for-each-one f first)
      (%for-each-many 'for-each f (cons first more))))

(define (%for-each-one f items)
  (if (pair? items)
      (begin
        (f (car items))
        (%for-each-one f (cdr items)))
      (if (null? items)
          (if #f #f)
          (%wants 'for-each 'lists items))))

(define (%for-each-many name f lists)
  (if (%all-pairs? name lists)
      (begin
        (apply f (%map-one car lists '()))
        (%for-each-many name f (%map-one cdr lists '())))
      (if #f #f)))

(define (filter keep? items)
  (%check procedure? 'filter keep?)
  (%filter-onto keep? items '()))

(define (%filter-onto keep? items done)
  (if (pair? items)
      (%filter-onto keep? (cdr items) (if (keep? (car items)) (cons (car items) done) done))
      (if (null? items)
          (reverse done)
          (%no-list 'filter '|a list| items done))))

;; ---- folds --------------------------------------------------------------------------------------

;; (f (f start a) b)
(define (fold-left f start first . more)
  (%check procedure? 'fold-left f)
  (if (null? more)
      (%fold-left-one f start first)
      (%fold-left-many f start (cons first more))))

(define (%fold-left-one f sum items)
  (if (pair? items)
      (%fold-left-one f (f sum (car items)) (cdr items))
      (if (null? items)
          sum
          (%wants 'fold-left 'lists items))))

(define (%fold-left-many f sum lists)
  (if (%all-pairs? 'fold-left lists)
      (%fold-left-many f (apply f sum (%map-one car lists '())) (%map-one cdr lists '()))
      sum))

;; (f a (f b start))
(define (fold-right f start first . more)
  (%check procedure? 'fold-right f)
  (if (null? more)
      (%fold-right-one f start (reverse (%check list? 'fold-right first)))
      (%fold-right-many f start (reverse (%map-many 'fold-right list (cons first more) '())))))

(define (%fold-right-one f sum backwards)
  (if (null? backwards)
      sum
      (%fold-right-one f (f (car backwards) sum) (cdr backwards))))

(define (%fold-right-many f sum backwards)
  (if (null? backwards)
      sum
      (%fold-right-many f (apply f (append (car backwards) (list sum))) (cdr backwards))))

;; (f b (f a start)): the item comes first.
(define (fold f start first . more)
  (%check procedure? 'fold f)
  (if (null? more)
      (%fold-one f start first)
      (%fold-many f start (cons first more))))

(define (%fold-one f sum items)
  (if (pair? items)
      (%fold-one f (f (car items) sum) (cdr items))
      (if (null? items)
          sum
          (%wants 'fold 'lists items))))

(define (%fold-many f sum lists)
  (if (%all-pairs? 'fold lists)
      (%fold-many f (apply f (append (%map-one car lists '()) (list sum))) (%map-one cdr lists '()))
      sum))

;; Folds a list of one item or more; the default is for the empty list alone.
(define (reduce f default items)
  (%check procedure? 'reduce f)
  (if (null? (%check list? 'reduce items))
      default
      (%fold-one f (car items) (cdr items))))

;; ---- members, associations, counts --------------------------------------------------------------

;; The rest of a list from the first item that is the same as the key; `same?` decides, if given.
(define (member key items . more)
  (%at-most more 2 3 'member)
  (if (null? more)
      (%member key items)
      (%member-by (%check procedure? 'member (car more)) key items)))

(define (%member-by same? key items)
  (if (pair? items)
      (if (same? key (car items))
          items
          (%member-by same? key (cdr items)))
      (if (null? items)
          #f
          (%wants 'member '|a list| items))))

;; The first pair of a list whose car is the same as the key; `same?` decides, if given.
(define (assoc key pairs . more)
  (%at-most more 2 3 'assoc)
  (if (null? more)
      (%assoc key pairs)
      (%assoc-by (%check procedure? 'assoc (car more)) key pairs)))

(define (%assoc-by same? key pairs)
  (if (pair? pairs)
      (if (same? key (car (%check pair? 'assoc (car pairs))))
          (car pairs)
          (%assoc-by same? key (cdr pairs)))
      (if (null? pairs)
          #f
          (%wants 'assoc '|a list of pairs| pairs))))

;; count, start, step
(define (iota count . more)
  (%at-most more 1 3 'iota)
  (let ((count (%whole 'iota count)))
    (if (null? more)
        (%count-down count 0 1 '())
        (let ((start (%check number? 'iota (car more))))
          (if (null? (cdr more))
              (%count-down count start 1 '())
              (%count-down count start (%check number? 'iota (cadr more)) '()))))))

(define (%count-down left start step done)
  (if (= left 0)
      done
      (%count-down (- left 1) start step (cons (+ start (* step (- left 1))) done))))

;; ---- numbers ------------------------------------------------------------------------------------

(define (nan? x)
  (let ((x (%check number? 'nan? x)))
    (not (= x x))))

(define (finite? x)
  (< (abs (%check number? 'finite? x)) +inf.0))

(define (infinite? x)
  (= (abs (%check number? 'infinite? x)) +inf.0))

;; All finite numbers are, whatever their tags: there are no others that could be told from them.
(define (rational? x)
  (if (number? x) (finite? x) #f))

(define (exact-integer? x)
  (if (number? x)
      (if (exact? x) (integer? x) #f)
      #f))

;; Quotient and remainder, rounded down and towards zero.
(define (floor/ n d)
  (%check number? 'floor/ n)
  (%check number? 'floor/ d)
  (values (floor-quotient n d) (floor-remainder n d)))

(define (truncate/ n d)
  (%check number? 'truncate/ n)
  (%check number? 'truncate/ d)
  (values (truncate-quotient n d) (truncate-remainder n d)))

;; The largest whole number whose square is not above one, and what is left of it.
(define (exact-integer-sqrt n)
  (let* ((n (%whole 'exact-integer-sqrt n))
         (near (exact (floor (sqrt n))))
         ;; The root of one below a square may have been rounded up to it.
         (root (if (< n (* near near)) (- near 1) near)))
    (values root (- n (* root root)))))

(define (boolean=? first . more)
  (%chain eq? 'boolean=? %a-boolean first more))

(define (symbol=? first . more)
  (%chain eq? 'symbol=? %a-symbol first more))

(define (%a-boolean name x) (%check boolean? name x))
(define (%a-symbol name x) (%check symbol? name x))

;; Whether a test holds of all neighbours, once they are checked and converted.
(define (%chain test? name convert first more)
  (%chain-on test? name convert (convert name first) more #t))

(define (%chain-on test? name convert before more holds)
  (if (null? more)
      holds
      (let ((next (convert name (car more))))
        (%chain-on test? name convert next (cdr more) (if holds (test? before next) #f)))))

;; ---- vectors of numbers -------------------------------------------------------------------------

(define (%items name v)
  (vec->list (%check vector? name v)))

(define (%items-of-all name vectors)
  (if (null? vectors)
      '()
      (let ((items (%items name (car vectors))))
        (cons items (%items-of-all name (cdr vectors))))))

(define (%vector name items)
  (if (null? items)
      (%refuse 'shape name '|would be empty; vectors have a number or more|)
      (list->vec items)))

;; The vector of what `f` gives for the numbers of vectors, or the matrix for the rows of matrices.
(define (vector-map f first . more)
  (%check procedure? 'vector-map f)
  (if (null? more)
      (%vector-map-one f (%items 'vector-map first) '())
      (let ((lists (%items-of-all 'vector-map (cons first more))))
        (%vector-map-one %same (%map-many 'vector-map f lists '()) '()))))

(define (%same x) x)

(define (%vector-map-one f items done)
  (if (null? items)
      (list->vec (reverse done))
      (let ((value (f (car items))))
        (if (number? value)
            (%vector-map-one f (cdr items) (cons value done))
            (if (vector? value)
                (%vector-map-one f (cdr items) (cons value done))
                (%wants 'vector-map '|a procedure that gives numbers| value))))))

(define (vector-for-each f first . more)
  (%check procedure? 'vector-for-each f)
  (%for-each-many 'vector-for-each f (%items-of-all 'vector-for-each (cons first more))))

;; start, end
(define (vector->list v . more)
  (%at-most more 1 3 'vector->list)
  (%part 'vector->list (%items 'vector->list v) more))

(define (vector-copy v . more)
  (%at-most more 1 3 'vector-copy)
  (%vector 'vector-copy (%part 'vector-copy (%items 'vector-copy v) more)))

(define (subvector v start end)
  (%vector 'subvector (%part 'subvector (%items 'subvector v) (list start end))))

(define (vector-append . vectors)
  (%vector 'vector-append (apply append (%items-of-all 'vector-append vectors))))

;; count, number
(define (make-vector count . more)
  (%at-most more 1 2 'make-vector)
  (let ((count (%whole 'make-vector count))
        (fill (if (null? more) 0.0 (%check number? 'make-vector (car more)))))
    (%vector 'make-vector (%repeat count fill '()))))

(define (%repeat count item done)
  (if (= count 0)
      done
      (%repeat (- count 1) item (cons item done))))

;; The items from a start to an end, neither of which need be given.
(define (%part name items more)
  (if (null? more)
      items
      (let* ((size (length items))
             (start (%whole name (car more)))
             (end (if (null? (cdr more)) size (%whole name (cadr more)))))
        (if (<= start end size)
            (%front (list-tail items start) (- end start) '())
            (%refuse 'index name 'wants start 'to end 'of size 'elements)))))

(define (%front items count done)
  (if (= count 0)
      (reverse done)
      (%front (cdr items) (- count 1) (cons (car items) done))))

;; The number of an interval that is nearest; the bound that holds has the derivative.
(define (clamp x low high)
  (max low (min x high)))

;; ---- several values, promises, records --------------------------------------------------------

;; They have none of the ten types to themselves: `%wrap` makes pairs that programs do not see as
;; such, of a kind (0 a record, 1 a promise, 2 several values), a type and a content.

(define (values . all)
  (if (%one? all)
      (car all)
      (%wrap 2 '() all)))

(define (%one? items)
  (if (null? items) #f (null? (cdr items))))

(define (call-with-values producer consumer)
  (apply consumer (%received (producer) 0 #t)))

;; A promise holds a cell, whether its procedure gives another promise, and that procedure. The cell
;; is filled once, by the value or by the promise that has it: forcing a chain of those, as
;; `delay-force` makes it, is a loop.
(define (%delay chained? thunk)
  (%wrap 1 '() (cons (%cell) (cons chained? thunk))))

(define (make-promise x)
  (if (promise? x)
      x
      (let ((promise (%delay #f #f)))
        (%cell-fill (car (%unwrap 1 '() promise 'force)) (cons #f x))
        promise)))

(define (promise? x)
  (%wrapped? 1 '() x))

(define (force x)
  (if (promise? x)
      (%force (%unwrap 1 '() x 'force))
      x))

(define (%force content)
  (if (%filled? (car content))
      (%forced (%cell-ref 'force (car content)))
      (let ((value ((cddr content))))
        ;; What it computes may have forced it meanwhile.
        (if (%filled? (car content))
            (%forced (%cell-ref 'force (car content)))
            (begin
              (%cell-fill (car content) (cons (cadr content) value))
              (%forced (cons (cadr content) value)))))))

;; Where a promise was expected and something else came, that is the value.
(define (%forced got)
  (if (car got)
      (force (cdr got))
      (cdr got)))

;; A procedure of several clauses: the first that takes so many arguments. A clause is a count, whether
;; it takes more, and a procedure.
(define (%case-lambda . clauses)
  (lambda arguments
    (%select-clause clauses (length arguments) arguments)))

(define (%select-clause clauses count arguments)
  (if (null? clauses)
      (%no-clause count)
      (if (if (= count (car (car clauses)))
              #t
              (if (cadr (car clauses)) (> count (car (car clauses))) #f))
          (apply (cddr (car clauses)) arguments)
          (%select-clause (cdr clauses) count arguments))))

;; A record's type is a list of its name and its fields, made anew by each definition.
(define (%record-test type)
  (lambda (x) (%wrapped? 0 type x)))

(define (%record-field type index name)
  (lambda (record)
    (list-ref (%unwrap 0 type record name) index)))

;; ---- order --------------------------------------------------------------------------------------

;; The items of a list, or numbers of a vector, in order: numbers ascending or, with a procedure that
;; says whether its first argument comes before its second, by that. Items of which neither does keep
;; theirs.
(define (sort items . more)
  (%at-most more 1 2 'sort)
  (if (null? more)
      (%sort items)
      (if (procedure? items)
          (%sort-by items (car more))
          (%sort-by (%check procedure? 'sort (car more)) items))))

(define (%sort-by before? items)
  (if (vector? items)
      (list->vec (%merge-first before? (vec->list items) (vlen items)))
      (if (list? items)
          (%merge-first before? items (length items))
          (%sort items))))

;; The first items of a list, so many, sorted.
(define (%merge-first before? items count)
  (if (< count 2)
      (if (= count 0) '() (list (car items)))
      (let ((half (quotient count 2)))
        (%merge-onto before?
                     (%merge-first before? items half)
                     (%merge-first before? (list-tail items half) (- count half))
                     '()))))

(define (%merge-onto before? left right done)
  (if (null? left)
      (append (reverse done) right)
      (if (null? right)
          (append (reverse done) left)
          (if (before? (car right) (car left))
              (%merge-onto before? left (cdr right) (cons (car right) done))
              (%merge-onto before? (cdr left) right (cons (car left) done))))))
