// Programs to begin with: some to evaluate, some to fit to data that come with them.

const rows = (head, ...lines) => `${[head, ...lines].join("\n")}\n`;

export const GALLERY = [
  {
    name: "Exponential decay",
    source: "; Change a number: value and derivatives follow.\n(* a (exp (* (- b) x)))",
    inputs: { a: 2.5, b: 0.8, x: 1.5 },
  },
  {
    name: "Square root by Newton",
    source: `; Ten steps of Newton's method. The derivative passes through the loop:
; it is 1 / (2 sqrt a), to the last digits.
(let loop ((guess 1.0) (steps 10))
  (if (= steps 0)
      guess
      (loop (/ (+ guess (/ a guess)) 2) (- steps 1))))`,
    inputs: { a: 2 },
  },
  {
    name: "Damped pendulum",
    source: `; Where a pendulum is after a second, by 200 small steps.
(define dt 0.005)
(let swing ((angle start) (speed 0.0) (n 0))
  (if (= n 200)
      angle
      (let ((speed (- speed (* dt (+ (* stiffness (sin angle)) (* damping speed))))))
        (swing (+ angle (* dt speed)) speed (+ n 1)))))`,
    inputs: { start: 1, stiffness: 9.81, damping: 0.4 },
  },
  {
    name: "An epidemic",
    source: `; Who has been infected after 60 days, of a population of 1.
(define (day s i n)
  (if (= n 60)
      (- 1 s)
      (let ((new (* beta s i)))
        (day (- s new) (+ i (- new (* gamma i))) (+ n 1)))))
(day 0.999 0.001 0)`,
    inputs: { beta: 0.35, gamma: 0.12 },
  },
  {
    name: "Derivative of a derivative",
    source: `; A Taylor polynomial of the exponential, with lists and a fold.
(define (factorial n) (if (= n 0) 1 (* n (factorial (- n 1)))))
(fold-left + 0 (map (lambda (n) (/ (expt x n) (factorial n))) (iota 9)))`,
    inputs: { x: 0.7 },
  },
  {
    name: "A linear system",
    source: `; The solution of a system of equations, and how it moves with each coefficient.
(solve (matrix (list a 1.0) (list 1.0 b)) (vector 1.0 2.0))`,
    inputs: { a: 3, b: 2 },
  },
  {
    name: "Half-life, fitted",
    source: `; Counts a second of a sample, above a constant background.
(param half-life 10 (> 0))
(param y0 100 (> 0))
(param background 5)
(observe counts (+ background (* y0 (exp (- (/ (* (log 2) minute) half-life))))))`,
    table: rows("minute,counts", "0,212.4", "5,152.9", "10,112.7", "15,84.9", "20,60.3", "30,36.1", "40,23.0", "60,14.1", "80,11.9"),
  },
  { name: "Lynx and hare, fitted", files: ["lynx_hare/model.scm", "lynx_hare/pelts.csv"] },
  {
    name: "Enzyme kinetics, fitted",
    source: `; Michaelis and Menten: the rate of a reaction by the concentration of its substrate.
(param vmax 100 (> 0))
(param km 0.1 (> 0))
(observe rate (/ (* vmax substrate) (+ km substrate)))`,
    table: rows("substrate,rate", "0.02,76", "0.02,47", "0.06,97", "0.06,107", "0.11,123", "0.11,139", "0.22,159", "0.22,152", "0.56,191", "0.56,201", "1.1,207", "1.1,200"),
  },
  {
    name: "Logistic growth, fitted",
    source: `; A population that fills what there is room for.
(param capacity 10 (> 0))
(param rate 1 (> 0))
(param half 5)
(observe size (/ capacity (+ 1 (exp (* (- rate) (- day half))))))`,
    table: rows("day,size", "0,0.31", "1,0.58", "2,1.12", "3,1.98", "4,3.44", "5,5.21", "6,6.93", "7,8.27", "8,9.05", "9,9.52", "10,9.78"),
  },
  {
    name: "A frequency among many starts",
    source: `; Its sum of squares has a valley for every whole turn: one start rarely finds the deepest.
(param amplitude 1)
(param frequency 1 (between 0 10))
(param phase 0)
(observe y (* amplitude (sin (+ phase (* frequency t)))))`,
    table: rows("t,y", ...Array.from({ length: 41 }, (_, i) => {
      const t = i / 8;
      return `${t},${(1.4 * Math.sin(0.5 + 4.7 * t) + 0.08 * Math.sin(37 * i)).toFixed(4)}`;
    })),
  },
  {
    name: "A bend, fitted",
    source: `; Two straight lines that meet: where they meet is a constant in a test.
(param bend 4)
(param low 1)
(param slope1 1)
(param slope2 0)
(observe y
  (if (< x bend)
      (+ low (* slope1 (- x bend)))
      (+ low (* slope2 (- x bend)))))`,
    table: rows("x,y", "0,0.05", "1,0.52", "2,0.96", "3,1.55", "4,2.02", "5,2.55", "6,2.61", "7,2.72", "8,2.77", "9,2.92", "10,3.01"),
  },
];

// The entry with its texts: those in files are fetched.
export async function entry({ files, ...rest }) {
  if (!files) return rest;
  const [source, table] = await Promise.all(files.map(async (file) => (await fetch(`examples/${file}`)).text()));
  return { ...rest, source, table };
}
