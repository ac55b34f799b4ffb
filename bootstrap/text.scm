;; The prelude's characters and strings: what R7RS has, as far as it needs no mutation.
;;
;; Like `prelude.scm`, of which it is a part. A string is taken apart into the list of its characters
;; and put together again: strings are for keys and messages, and short.

;; ---- characters ---------------------------------------------------------------------------------

(define (%code name c)
  (char->integer (%check char? name c)))

(define (%folded-code name c)
  (char->integer (%char-to 'foldcase (%check char? name c))))

(define (char=? first . more) (%chain = 'char=? %code first more))
(define (char<? first . more) (%chain < 'char<? %code first more))
(define (char>? first . more) (%chain > 'char>? %code first more))
(define (char<=? first . more) (%chain <= 'char<=? %code first more))
(define (char>=? first . more) (%chain >= 'char>=? %code first more))

(define (char-ci=? first . more) (%chain = 'char-ci=? %folded-code first more))
(define (char-ci<? first . more) (%chain < 'char-ci<? %folded-code first more))
(define (char-ci>? first . more) (%chain > 'char-ci>? %folded-code first more))
(define (char-ci<=? first . more) (%chain <= 'char-ci<=? %folded-code first more))
(define (char-ci>=? first . more) (%chain >= 'char-ci>=? %folded-code first more))

(define (char-alphabetic? c) (%char-is 'alphabetic (%check char? 'char-alphabetic? c)))
(define (char-numeric? c) (%char-is 'numeric (%check char? 'char-numeric? c)))
(define (char-whitespace? c) (%char-is 'whitespace (%check char? 'char-whitespace? c)))
(define (char-upper-case? c) (%char-is 'upper-case (%check char? 'char-upper-case? c)))
(define (char-lower-case? c) (%char-is 'lower-case (%check char? 'char-lower-case? c)))

(define (char-upcase c) (%char-to 'upcase (%check char? 'char-upcase c)))
(define (char-downcase c) (%char-to 'downcase (%check char? 'char-downcase c)))
(define (char-foldcase c) (%char-to 'foldcase (%check char? 'char-foldcase c)))

(define (digit-value c)
  (let ((value (- (%code 'digit-value c) 48)))
    (if (<= 0 value 9) value #f)))

;; ---- strings ------------------------------------------------------------------------------------

(define (%characters name text)
  (%string->list (%check string? name text)))

(define (string . characters)
  (list->string (%all-characters 'string characters)))

(define (%all-characters name characters)
  (%for-each-one (lambda (c) (%check char? name c)) characters)
  characters)

(define (make-string count . more)
  (%at-most more 1 2 'make-string)
  (let ((count (%whole 'make-string count))
        (fill (if (null? more) #\space (%check char? 'make-string (car more)))))
    (list->string (%repeat count fill '()))))

(define (string-append . strings)
  (list->string (%joined-text strings '())))

(define (%joined-text strings done)
  (if (null? strings)
      (apply append (reverse done))
      (%joined-text (cdr strings) (cons (%characters 'string-append (car strings)) done))))

(define (string-ref text index)
  (let ((characters (%characters 'string-ref text))
        (index (%whole 'string-ref index)))
    (if (< index (length characters))
        (list-ref characters index)
        (%refuse 'index 'string-ref '|wants index| index '|of a string of| (length characters)))))

(define (substring text start end)
  (list->string (%part 'substring (%characters 'substring text) (list start end))))

;; start, end
(define (string-copy text . more)
  (%at-most more 1 3 'string-copy)
  (list->string (%part 'string-copy (%characters 'string-copy text) more)))

(define (string->list text . more)
  (%at-most more 1 3 'string->list)
  (%part 'string->list (%characters 'string->list text) more))

(define (string-map f first . more)
  (%check procedure? 'string-map f)
  (list->string
    (%all-characters
      'string-map
      (%map-many 'string-map f (%characters-of-all 'string-map (cons first more)) '()))))

(define (string-for-each f first . more)
  (%check procedure? 'string-for-each f)
  (%for-each-many 'string-for-each f (%characters-of-all 'string-for-each (cons first more))))

(define (%characters-of-all name strings)
  (if (null? strings)
      '()
      (let ((characters (%characters name (car strings))))
        (cons characters (%characters-of-all name (cdr strings))))))

(define (string-upcase text) (%char-to 'upcase (%check string? 'string-upcase text)))
(define (string-downcase text) (%char-to 'downcase (%check string? 'string-downcase text)))
(define (string-foldcase text) (%char-to 'foldcase (%check string? 'string-foldcase text)))

;; ---- strings compared ---------------------------------------------------------------------------

(define (%a-string name text) (%check string? name text))

(define (%codes name text)
  (%map-one char->integer (%characters name text) '()))

(define (%folded-codes name text)
  (%codes name (%char-to 'foldcase (%check string? name text))))

(define (%before? a b)
  (if (null? b)
      #f
      (if (null? a)
          #t
          (if (= (car a) (car b))
              (%before? (cdr a) (cdr b))
              (< (car a) (car b))))))

(define (%after? a b) (%before? b a))
(define (%not-after? a b) (not (%before? b a)))
(define (%not-before? a b) (not (%before? a b)))

(define (string=? first . more) (%chain equal? 'string=? %a-string first more))
(define (string<? first . more) (%chain %before? 'string<? %codes first more))
(define (string>? first . more) (%chain %after? 'string>? %codes first more))
(define (string<=? first . more) (%chain %not-after? 'string<=? %codes first more))
(define (string>=? first . more) (%chain %not-before? 'string>=? %codes first more))

(define (string-ci=? first . more) (%chain equal? 'string-ci=? %folded-codes first more))
(define (string-ci<? first . more) (%chain %before? 'string-ci<? %folded-codes first more))
(define (string-ci>? first . more) (%chain %after? 'string-ci>? %folded-codes first more))
(define (string-ci<=? first . more) (%chain %not-after? 'string-ci<=? %folded-codes first more))
(define (string-ci>=? first . more) (%chain %not-before? 'string-ci>=? %folded-codes first more))
