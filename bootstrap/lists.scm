;; The prelude's list library: what SRFI 1 has, as far as it needs no mutation.
;;
;; Like `prelude.scm`, of which it is a part. Predicates come before lists, counts after them, as
;; there; where SRFI 1 takes several lists, these do, and stop at the end of the shortest.

;; ---- making lists -------------------------------------------------------------------------------

(define (cons* first . more)
  (%cons-onto first more))

(define (%cons-onto first more)
  (if (null? more)
      first
      (cons first (%cons-onto (car more) (cdr more)))))

(define (xcons a b) (cons b a))

(define (make-list count . more)
  (%at-most more 1 2 'make-list)
  (%repeat (%whole 'make-list count) (if (null? more) (if #f #f) (car more)) '()))

(define (list-tabulate count f)
  (%check procedure? 'list-tabulate f)
  (%tabulate f 0 (%whole 'list-tabulate count) '()))

(define (%tabulate f index count done)
  (if (= index count)
      (reverse done)
      (%tabulate f (+ index 1) count (cons (f index) done))))

(define (list-copy items)
  (if (list? items)
      (append items '())
      (%copy-improper items)))

(define (%copy-improper items)
  (if (pair? items)
      (cons (car items) (%copy-improper (cdr items)))
      items))

;; (stop? seed) ends it; (f seed) is an item, (next seed) the next seed; perhaps (tail seed) ends the list.
(define (unfold stop? f next seed . more)
  (%at-most more 4 5 'unfold)
  (%check procedure? 'unfold stop?)
  (%check procedure? 'unfold f)
  (%check procedure? 'unfold next)
  (let ((tail (if (null? more) %no-tail (%check procedure? 'unfold (car more)))))
    (%unfold stop? f next seed tail '())))

(define (%no-tail seed) '())

(define (%unfold stop? f next seed tail done)
  (if (stop? seed)
      (%onto done (tail seed))
      (let ((item (f seed)))
        (%unfold stop? f next (next seed) tail (cons item done)))))

;; Like `unfold`, from the end of the list; perhaps onto a tail.
(define (unfold-right stop? f next seed . more)
  (%at-most more 4 5 'unfold-right)
  (%check procedure? 'unfold-right stop?)
  (%check procedure? 'unfold-right f)
  (%check procedure? 'unfold-right next)
  (%unfold-right stop? f next seed (if (null? more) '() (car more))))

(define (%unfold-right stop? f next seed done)
  (if (stop? seed)
      done
      (let ((item (f seed)))
        (%unfold-right stop? f next (next seed) (cons item done)))))

;; ---- parts of lists -----------------------------------------------------------------------------

(define (first items) (%nth 'first items 0))
(define (second items) (%nth 'second items 1))
(define (third items) (%nth 'third items 2))
(define (fourth items) (%nth 'fourth items 3))
(define (fifth items) (%nth 'fifth items 4))
(define (sixth items) (%nth 'sixth items 5))
(define (seventh items) (%nth 'seventh items 6))
(define (eighth items) (%nth 'eighth items 7))
(define (ninth items) (%nth 'ninth items 8))
(define (tenth items) (%nth 'tenth items 9))

(define (%nth name items index)
  (let ((rest (%dropped name items index)))
    (if (pair? rest)
        (car rest)
        (%too-short name items (+ index 1)))))

(define (%too-short name items count)
  (%refuse 'index name 'wants count '|elements, and the list has| (length (%check list? name items))))

;; What is left of a list without its first items.
(define (%dropped name items count)
  (%drop-from name items count items count))

(define (%drop-from name rest left items count)
  (if (= left 0)
      rest
      (if (pair? rest)
          (%drop-from name (cdr rest) (- left 1) items count)
          (%too-short name items count))))

(define (take items count)
  (%taken 'take items (%whole 'take count) items '()))

(define (%taken name rest count items done)
  (if (= count 0)
      (reverse done)
      (if (pair? rest)
          (%taken name (cdr rest) (- count 1) items (cons (car rest) done))
          (%too-short name items (+ count (length done))))))

(define (drop items count)
  (%dropped 'drop items (%whole 'drop count)))

(define (take-right items count)
  (let* ((count (%whole 'take-right count))
         (size (length (%check list? 'take-right items))))
    (if (< size count)
        (%too-short 'take-right items count)
        (list-tail items (- size count)))))

(define (drop-right items count)
  (let* ((count (%whole 'drop-right count))
         (size (length (%check list? 'drop-right items))))
    (if (< size count)
        (%too-short 'drop-right items count)
        (%front items (- size count) '()))))

(define (last-pair items)
  (%last-pair 'last-pair items))

(define (last items)
  (car (%last-pair 'last items)))

(define (%last-pair name items)
  (if (pair? items)
      (%last-pair-of items)
      (if (null? items)
          (%refuse 'index name '|of the empty list|)
          (%wants name '|a list| items))))

(define (%last-pair-of items)
  (if (pair? (cdr items))
      (%last-pair-of (cdr items))
      items))

(define (take-while keep? items)
  (%check procedure? 'take-while keep?)
  (%take-while keep? items '()))

(define (%take-while keep? items done)
  (if (pair? items)
      (if (keep? (car items))
          (%take-while keep? (cdr items) (cons (car items) done))
          (reverse done))
      (if (null? items)
          (reverse done)
          (%no-list 'take-while '|a list| items done))))

(define (drop-while drop? items)
  (%check procedure? 'drop-while drop?)
  (%drop-while drop? items))

(define (%drop-while drop? items)
  (if (pair? items)
      (if (drop? (car items))
          (%drop-while drop? (cdr items))
          items)
      (if (null? items)
          '()
          (%wants 'drop-while '|a list| items))))

;; The items up to a count, to one that fails a test, to one that passes it; and those after it.
(define (split-at items count)
  (let ((count (%whole 'split-at count)))
    (values (%taken 'split-at items count items '())
            (%dropped 'split-at items count))))

(define (span keep? items)
  (%check procedure? 'span keep?)
  (%span 'span keep? items '()))

(define (break stop? items)
  (%check procedure? 'break stop?)
  (%span 'break (lambda (item) (not (stop? item))) items '()))

(define (%span name keep? items done)
  (if (pair? items)
      (if (keep? (car items))
          (%span name keep? (cdr items) (cons (car items) done))
          (values (reverse done) items))
      (if (null? items)
          (values (reverse done) '())
          (%no-list name '|a list| items done))))

;; The items that pass a test, and those that fail it.
(define (partition in? items)
  (%check procedure? 'partition in?)
  (%partition in? items '() '()))

(define (%partition in? items in out)
  (if (pair? items)
      (if (in? (car items))
          (%partition in? (cdr items) (cons (car items) in) out)
          (%partition in? (cdr items) in (cons (car items) out)))
      (if (null? items)
          (values (reverse in) (reverse out))
          (%no-list 'partition '|a list| items (append in out)))))

;; ---- searching ----------------------------------------------------------------------------------

(define (find good? items)
  (%check procedure? 'find good?)
  (let ((rest (%find-tail 'find good? items)))
    (if rest (car rest) #f)))

(define (find-tail good? items)
  (%check procedure? 'find-tail good?)
  (%find-tail 'find-tail good? items))

(define (%find-tail name good? items)
  (if (pair? items)
      (if (good? (car items))
          items
          (%find-tail name good? (cdr items)))
      (if (null? items)
          #f
          (%wants name '|a list| items))))

;; The first true value; the last item's is in tail position.
(define (any good? first . more)
  (%check procedure? 'any good?)
  (if (null? more)
      (%any-one good? first)
      (%any-many good? (cons first more))))

(define (%any-one good? items)
  (if (pair? items)
      (if (null? (cdr items))
          (good? (car items))
          (let ((value (good? (car items))))
            (if value value (%any-one good? (cdr items)))))
      (if (null? items)
          #f
          (%wants 'any 'lists items))))

(define (%any-many good? lists)
  (if (%all-pairs? 'any lists)
      (let ((value (apply good? (%map-one car lists '()))))
        (if value value (%any-many good? (%map-one cdr lists '()))))
      #f))

;; The last value, if all are true.
(define (every good? first . more)
  (%check procedure? 'every good?)
  (if (null? more)
      (%every-one good? first)
      (%every-many good? (cons first more) #t)))

(define (%every-one good? items)
  (if (pair? items)
      (if (null? (cdr items))
          (good? (car items))
          (if (good? (car items))
              (%every-one good? (cdr items))
              #f))
      (if (null? items)
          #t
          (%wants 'every 'lists items))))

(define (%every-many good? lists value)
  (if (%all-pairs? 'every lists)
      (let ((value (apply good? (%map-one car lists '()))))
        (if value (%every-many good? (%map-one cdr lists '()) value) #f))
      value))

(define (list-index good? first . more)
  (%check procedure? 'list-index good?)
  (%index good? (cons first more) 0))

(define (%index good? lists index)
  (if (%all-pairs? 'list-index lists)
      (if (apply good? (%map-one car lists '()))
          index
          (%index good? (%map-one cdr lists '()) (+ index 1)))
      #f))

(define (count good? first . more)
  (%check procedure? 'count good?)
  (%count good? (cons first more) 0))

(define (%count good? lists sum)
  (if (%all-pairs? 'count lists)
      (%count good? (%map-one cdr lists '()) (if (apply good? (%map-one car lists '())) (+ sum 1) sum))
      sum))

;; ---- leaving items out --------------------------------------------------------------------------

(define (remove drop? items)
  (%check procedure? 'remove drop?)
  (%remove 'remove drop? items '()))

(define (%remove name drop? items done)
  (if (pair? items)
      (%remove name drop? (cdr items) (if (drop? (car items)) done (cons (car items) done)))
      (if (null? items)
          (reverse done)
          (%no-list name '|a list| items done))))

;; `equal?` decides what is the same, or the procedure given; the key comes first.
(define (delete key items . more)
  (%at-most more 2 3 'delete)
  (let ((same? (if (null? more) equal? (%check procedure? 'delete (car more)))))
    (%remove 'delete (lambda (item) (same? key item)) items '())))

;; The first of those that are the same stays.
(define (delete-duplicates items . more)
  (%at-most more 1 2 'delete-duplicates)
  (let ((same? (if (null? more) equal? (%check procedure? 'delete-duplicates (car more)))))
    (%distinct same? items '() 0)))

(define (%distinct same? items done size)
  (if (pair? items)
      (begin
        ;; As many steps as there are items before it: the square of their number in all.
        (%spend size)
        (if (%known? same? (car items) done)
            (%distinct same? (cdr items) done size)
            (%distinct same? (cdr items) (cons (car items) done) (+ size 1))))
      (if (null? items)
          (reverse done)
          (%no-list 'delete-duplicates '|a list| items done))))

(define (%known? same? item before)
  (if (null? before)
      #f
      (if (same? (car before) item)
          #t
          (%known? same? item (cdr before)))))

;; ---- joining ------------------------------------------------------------------------------------

;; A list backwards, onto a tail.
(define (%onto backwards tail)
  (if (null? backwards)
      tail
      (%onto (cdr backwards) (cons (car backwards) tail))))

(define (append-reverse backwards tail)
  (%onto (%check list? 'append-reverse backwards) tail))

(define (concatenate lists)
  (%joined 'concatenate (reverse (%check list? 'concatenate lists)) '()))

;; Lists joined, the last first.
(define (%joined name backwards tail)
  (if (null? backwards)
      tail
      (%joined name (cdr backwards) (append (%check list? name (car backwards)) tail))))

(define (append-map f first . more)
  (%check procedure? 'append-map f)
  (%joined 'append-map (reverse (%map-many 'append-map f (cons first more) '())) '()))

(define (filter-map f first . more)
  (%check procedure? 'filter-map f)
  (%filter-map f (cons first more) '()))

(define (%filter-map f lists done)
  (if (%all-pairs? 'filter-map lists)
      (let ((value (apply f (%map-one car lists '()))))
        (%filter-map f (%map-one cdr lists '()) (if value (cons value done) done)))
      (reverse done)))

(define (zip first . more)
  (%map-many 'zip list (cons first more) '()))

;; (f a (f b c))
(define (reduce-right f default items)
  (%check procedure? 'reduce-right f)
  (let ((backwards (reverse (%check list? 'reduce-right items))))
    (if (null? backwards)
        default
        (%fold-right-one f (car backwards) (cdr backwards)))))
