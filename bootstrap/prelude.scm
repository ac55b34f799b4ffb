;; The prelude: the procedures on lists that take procedures.
;;
;; Compiled into the interpreter beside the evaluator, and into direct programs that use them.
;; An error in here belongs to the program's call; so does the place of a wrong argument.
;; A name with a leading `%` is a helper's: no program can spell it, so programs neither see helpers
;; nor collide with them.

(define (map f first . more)
  (if (null? more)
      (%map-one f first '())
      (%map-many f (cons first more) '())))

(define (%map-one f items done)
  (if (null? items)
      (reverse done)
      (%map-one f (cdr items) (cons (f (car items)) done))))

;; The vector of what `f` gives for the numbers of vectors, or the matrix for the rows of matrices.
(define (vector-map f first . more)
  (list->vec
    (if (null? more)
        (%map-one f (vec->list first) '())
        (%map-many f (cons (vec->list first) (%map-one vec->list more '())) '()))))

;; As many times as the shortest list is long.
(define (%map-many f lists done)
  (if (%some-null? lists)
      (reverse done)
      (%map-many f (%map-one cdr lists '()) (cons (apply f (%map-one car lists '())) done))))

(define (%some-null? lists)
  (if (null? lists)
      #f
      (if (null? (car lists)) #t (%some-null? (cdr lists)))))

(define (for-each f first . more)
  (if (null? more)
      (%for-each-one f first)
      (%for-each-many f (cons first more))))

(define (%for-each-one f items)
  (if (null? items)
      (if #f #f)
      (begin
        (f (car items))
        (%for-each-one f (cdr items)))))

(define (%for-each-many f lists)
  (if (%some-null? lists)
      (if #f #f)
      (begin
        (apply f (%map-one car lists '()))
        (%for-each-many f (%map-one cdr lists '())))))

(define (filter keep? items)
  (%filter-onto keep? items '()))

(define (%filter-onto keep? items done)
  (if (null? items)
      (reverse done)
      (%filter-onto keep? (cdr items) (if (keep? (car items)) (cons (car items) done) done))))

;; (f (f start a) b)
(define (fold-left f start first . more)
  (if (null? more)
      (%fold-left-one f start first)
      (%fold-left-many f start (cons first more))))

(define (%fold-left-one f sum items)
  (if (null? items)
      sum
      (%fold-left-one f (f sum (car items)) (cdr items))))

(define (%fold-left-many f sum lists)
  (if (%some-null? lists)
      sum
      (%fold-left-many f
                       (apply f sum (%map-one car lists '()))
                       (%map-one cdr lists '()))))

;; (f a (f b start))
(define (fold-right f start first . more)
  (if (null? more)
      (%fold-right-one f start (reverse first))
      (%fold-right-many f start (reverse (%map-many list (cons first more) '())))))

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
  (if (null? more)
      (%fold-one f start first)
      (%fold-many f start (cons first more))))

(define (%fold-one f sum items)
  (if (null? items)
      sum
      (%fold-one f (f (car items) sum) (cdr items))))

(define (%fold-many f sum lists)
  (if (%some-null? lists)
      sum
      (%fold-many f
                  (apply f (append (%map-one car lists '()) (list sum)))
                  (%map-one cdr lists '()))))

;; Folds a list of one item or more; the default is for the empty list alone.
(define (reduce f default items)
  (if (null? items)
      default
      (%fold-one f (car items) (cdr items))))

;; The rest of a list from the first item that is the same as the key; `same?` decides, if given.
(define (member key items . more)
  (if (null? more)
      (%member key items)
      (%member-by (car more) key items)))

(define (%member-by same? key items)
  (if (null? items)
      #f
      (if (same? key (car items))
          items
          (%member-by same? key (cdr items)))))

;; The first pair of a list whose car is the same as the key; `same?` decides, if given.
(define (assoc key pairs . more)
  (if (null? more)
      (%assoc key pairs)
      (%assoc-by (car more) key pairs)))

(define (%assoc-by same? key pairs)
  (if (null? pairs)
      #f
      (if (same? key (car (car pairs)))
          (car pairs)
          (%assoc-by same? key (cdr pairs)))))

;; count, start, step
(define (iota count . more)
  (if (integer? count)
      (if (< count 0)
          (error "iota wants a count of 0 or more" count)
          (if (null? more)
              (%count-down count 0 1 '())
              (if (null? (cdr more))
                  (%count-down count (car more) 1 '())
                  (%count-down count (car more) (cadr more) '()))))
      (error "iota wants a whole number as count" count)))

(define (%count-down left start step done)
  (if (= left 0)
      done
      (%count-down (- left 1) start step (cons (+ start (* step (- left 1))) done))))

;; The number of an interval that is nearest; the bound that holds has the derivative.
(define (clamp x low high)
  (max low (min x high)))
