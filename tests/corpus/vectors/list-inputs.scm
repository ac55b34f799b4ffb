;; run:  v=[1,2] l={"list":[3,4]} => [25,6,[3,8]]
;; grad: v=[1,2] l={"list":[3,4]} => v:[[0,0],[6,0],[[3,0],[0,4]]] l:[[6,8],[2,0],[[1,0],[0,2]]]
;; error: v=[1,2] l=[3,4] => type 6:7
;; error: v={"list":[1,2]} l={"list":[3,4]} => type 7:12
;; An array is a vector; an object says that it is a list.
(list (fold-left (lambda (sum x) (+ sum (* x x))) 0 l)
      (* 2 (ref v 0) (car l))
      (* v (list->vec l)))
