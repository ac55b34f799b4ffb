;; modes: interpreter direct nested
;; run:  x=1 y=1 z=0 => [2,[1,1],[[1,0],[0,1]]]
;; grad: x=1 y=1 z=0 => x:[1,[1,0],[["nan","nan"],["nan","nan"]]] y:[1,[0,1],[["nan","nan"],["nan","nan"]]] z:[0,[0,0],[["nan","nan"],["nan","nan"]]]
;; run:  x=1 y=2 z=0 => [3,[1,2],[[1,0],[0,1]]]
;; grad: x=1 y=2 z=0 => x:[1,[1,0],[[0,0],[0,0]]] y:[1,[0,1],[[0,0],[0,0]]] z:[0,[0,0],[[0,1],[-1,0]]]
;; lanes: | x=[1,1,4] y=[1,2,4] z=[0,0,0] => [[2,[1,1],[[1,0],[0,1]]],[3,[1,2],[[1,0],[0,1]]],[8,[4,4],[[1,0],[0,1]]]]
;; Eigenvectors of equal eigenvalues are not determined, so they have no derivatives; the values have,
;; and their sum is the trace.
(let ((e (eigh (mat [x z] [z y]))))
  (list (sum (car e)) (car e) (cadr e)))
