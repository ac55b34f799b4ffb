; A year of an economy: seven sectors with capital K, labor L and price P of their own, a household, a
; bank and a state. Six constants a sector, seven for the whole.
(define (sector K L P a share wear markup speed quit)
  (let* ((output (* a (expt K share) (expt L (- 1 share))))
         (wages (* wage L))
         (profit (- (* P output) wages (* interest K)))
         (invested (* speed (log (+ 1 (exp profit))))))
    (list output wages profit invested
          (+ (* (- 1 wear) K) invested)
          (- L (* quit L))
          (* P (+ 1 (* markup (- (/ demand output) 1)))))))
(define sectors (map sector capitals labors prices as shares wears markups speeds quits))
(define (total column) (fold-left + 0 (map (lambda (row) (list-ref row column)) sectors)))
(define earned (total 1))
(define taxes (* tax (+ earned (total 2))))
(define spent (* propensity (- earned taxes)))
(define credit (- (total 3) (* saving (- earned spent))))
(define produced (/ (total 0) 7))
(define next
  (append (list spent taxes credit produced (+ wage (* pressure produced)))
          (apply append (map (lambda (row) (list-tail row 4)) sectors))))
