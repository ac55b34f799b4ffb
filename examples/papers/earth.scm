; A year of an Earth system of five reservoirs: temperature T, carbon of the air C, of the ocean O, of
; plants V and of soils S. Seventeen processes move heat and carbon; 70 constants.
(define (line slope x x0 width base) (+ (* slope (/ (- x x0) width)) base))
(define (gate size x x0 width base) (+ (* size (tanh (/ (- x x0) width))) base))
(define heat
  (- (+ (* sun (gate k01 T k02 k03 k04))          ; ice and its albedo
        (line k05 C k06 k07 k08)                  ; what carbon holds back
        (line k09 V k10 k11 k12))                 ; dark forests
     (+ (line k13 T k14 k15 k16)                  ; radiation
        (gate k17 T k18 k19 k20))))               ; clouds
(define into-ocean (+ (line k21 C k22 k23 k24) (gate k25 T k26 k27 k28)))
(define out-of-ocean (+ (line k29 O k30 k31 k32) (line k33 T k34 k35 k36)))
(define growth (+ (gate k37 C k38 k39 k40) (gate k41 T k42 k43 k44) (line k45 V k46 k47 k48)))
(define litter (+ (line k49 V k50 k51 k52) (line k53 T k54 k55 k56)))
(define respiration (+ (gate k57 T k58 k59 k60) (line k61 S k62 k63 k64) (line k65 V k66 k67 k68)))
(define sea (- into-ocean out-of-ocean))
(define next
  (list (+ T heat)
        (+ C (- (+ burnt respiration) (+ sea growth)))
        (+ O sea)
        (+ V (- growth litter))
        (+ S (- litter respiration))))
