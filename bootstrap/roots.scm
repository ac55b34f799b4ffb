;; The prelude's roots and fixed points: `root`, `fixed-point`.
;;
;; Like `prelude.scm`, of which it is a part.
;;
;; They are searched for with numbers that no derivative passes. At the end one more step is taken
;; twice, whose value is thrown away and whose derivative is kept: Newton's, with the slope at the
;; solution. After one such step the first derivatives are those of the implicit function theorem,
;; after two the second ones: each step squares what is wrong with the series in the inputs.
;;
;; Where `soft-choice` draws noise, each call of the function draws the same numbers: a function that
;; is another each time has no root.

;; A function of one argument, with the same noise in each call.
(define (%of-same-noise f)
  (let ((drawn (%drawn)))
    (if drawn
        (lambda (x)
          (begin
            (%drawn drawn)
            (f x)))
        f)))

;; The number between lo and hi at which `f` is 0; `f` has different signs at these.
(define (root f lo hi)
  (%check procedure? 'root f)
  (if (if (number? lo) (number? hi) #f)
      (%root-ends (%of-same-noise f) (%detach (inexact lo)) (%detach (inexact hi)))
      (%refuse 'type 'root '|wants two numbers to search between| lo hi)))

(define (%root-ends f a b)
  (%root-signs f a (%detach (f a)) b (%detach (f b))))

(define (%root-signs f a fa b fb)
  (if (= fa 0)
      (%root-at f a)
      (if (= fb 0)
          (%root-at f b)
          (if (if (< fa 0) (> fb 0) (if (> fa 0) (< fb 0) #f))
              (%root-search f a fa b fb 0.5 200)
              (%refuse 'user 'root '|wants a function with different signs at both ends; it is|
                     fa 'at a 'and fb 'at b)))))

;; Chandrupatla's method (1997): `a` is the newest number, `b` on the other side of the root. The next
;; is at the share `t` of the way from `a` to `b`, by inverse quadratic interpolation where that is safe,
;; else in the middle; always in the middle when it has taken long. What is chosen leaves no guard, so
;; that a recorded search serves other inputs for as long as it takes as many steps.
(define (%root-search f a fa b fb t left)
  (%root-step f a fa b fb (+ a (* t (- b a))) left))

(define (%root-step f a fa b fb x left)
  (%root-next f a fa b fb x (%detach (f x)) left))

(define (%root-next f a fa b fb x fx left)
  (if (= fx fx)
      (let ((same (%either (%both (< fa 0) (< fx 0)) (%both (> fa 0) (> fx 0)))))
        (%root-choose f x fx
                     (%pick same b a) (%pick same fb fa)
                     (%pick same a b) (%pick same fa fb)
                     left))
      (%refuse 'user 'root '|wants a function that gives numbers; it is| fx 'at x)))

(define (%root-choose f a fa b fb c fc left)
  (let* ((best (%pick (< (abs fa) (abs fb)) a b))
         (width (abs (- b a)))
         (least (+ (* 2.220446049250313e-16 (abs best)) 5e-324)))
    (if (%either (= fa 0) (<= width least))
        (%root-at f (%pick (= fa 0) a best))
        (%root-search f a fa b fb
                     (%root-share a fa b fb c fc (/ least width) left)
                     (- left 1)))))

(define (%root-share a fa b fb c fc least left)
  (if (< left 0)
      0.5
      (let* ((place (/ (- a b) (- c b)))
             (height (/ (- fa fb) (- fc fb)))
             (rest (- 1 height))
             (safe (%both (< (* height height) place) (< (* rest rest) (- 1 place))))
             (share (+ (* (/ fa (- fb fa)) (/ fc (- fb fc)))
                       (* (/ (- c a) (- b a)) (/ fa (- fc fa)) (/ fb (- fc fb)))))
             (share (max least (min (- 1 least) share))))
        (%pick (%both safe (%both (> share 0) (< share 1))) share 0.5))))

;; The root that was found, with its derivatives.
(define (%root-at f x)
  (let* ((v (%variable x))
         (slope (%detach (%slope (f v) v))))
    (%root-moved f x slope (%root-moved f x slope x))))

(define (%root-moved f x slope from)
  (%straight-through x (- from (/ (f from) slope))))

;; The number, or vector, that `f` gives back, by doing `f` again and again.
(define (fixed-point f start)
  (%check procedure? 'fixed-point f)
  (if (number? start)
      (%fixed-search (%of-same-noise f) (%detach (inexact start)) +inf.0 10000)
      (if (vector? start)
          (%fixed-search-vector (%of-same-noise f) (%detach start) +inf.0 10000)
          (%refuse 'type 'fixed-point '|wants a number or a vector to start from| start))))

;; It has converged where a step is a few units of the last place, or small and no shorter than the one
;; before: then it is rounding.
(define (%converged? step size before)
  (%both (< size +inf.0)
         (%either (<= step (* 8.881784197001252e-16 size))
                  (%both (<= step (* 1e-10 size)) (>= step before)))))

(define (%fixed-search f x before left)
  (%fixed-next f x (%detach (f x)) before left))

(define (%fixed-next f x y before left)
  (let ((step (abs (- y x))))
    (if (%converged? step (abs y) before)
        (%fixed-at f y)
        (if (if (< step +inf.0) (> left 0) #f)
            (%fixed-search f y step (- left 1))
            (%refuse 'user 'fixed-point '|does not converge; the last numbers are| x 'and y)))))

(define (%fixed-at f x)
  (let* ((v (%variable x))
         (slope (%detach (- 1 (%slope (f v) v)))))
    (%fixed-moved f x slope (%fixed-moved f x slope x))))

(define (%fixed-moved f x slope from)
  (%straight-through x (- from (/ (- from (f from)) slope))))

(define (%fixed-search-vector f x before left)
  (%fixed-next-vector f x (%detach (f x)) before left))

(define (%fixed-next-vector f x y before left)
  (let ((step (norm (- y x))))
    (if (%converged? step (norm y) before)
        (%fixed-at-vector f y)
        (if (if (< step +inf.0) (> left 0) #f)
            (%fixed-search-vector f y step (- left 1))
            (%refuse 'user 'fixed-point '|does not converge; the last vectors are| x 'and y)))))

;; With the matrix of slopes, a row for each number of what `f` gives. Each row asks `f` anew: the tape of
;; the reference engine serves one derivative.
(define (%fixed-at-vector f x)
  (let ((slopes (- (eye (vlen x)) (%detach (list->vec (%slope-rows f x (- (vlen x) 1) '()))))))
    (%fixed-moved-vector f x slopes (%fixed-moved-vector f x slopes x))))

(define (%slope-rows f x row rows)
  (if (< row 0)
      rows
      (let ((v (%variable x)))
        (%slope-rows f x (- row 1) (cons (%slope (ref (f v) row) v) rows)))))

(define (%fixed-moved-vector f x slopes from)
  (%straight-through x (- from (solve slopes (- from (f from))))))
