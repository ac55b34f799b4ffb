//! Figures of the papers that other commands of this repository measure.

/// Of each: the experiment, what it is, the paper's figure, and the command that prints ours beside it.
pub(crate) const ELSEWHERE: [(&str, &str, &str, &str); 15] = [
    (
        "NC",
        "constants of fifteen laws of physics",
        "13 of 15 found",
        "cargo run --release --example known_structure",
    ),
    (
        "NC",
        "Lotka-Volterra on real data",
        "none",
        "cargo run --release -- fit examples/lynx_hare/model.scm examples/lynx_hare/pelts.csv",
    ),
    (
        "NC",
        "damped pendulum, and damping by a network",
        "g/L off by 0.08 %; by 47 % beside a network",
        "cargo run --release --example hybrid_pendulum",
    ),
    (
        "NC",
        "heat equation, and an unknown source",
        "MSE 3.7e-15; alpha 0.00958 of 0.01",
        "cargo run --release --example heat_equation",
    ),
    (
        "NC",
        "gravity in three dimensions",
        "G 6.675 of 6.674",
        "cargo run --release --example gravity",
    ),
    (
        "NC",
        "chains of operations",
        "exactly 0",
        "cargo run --release --example composition",
    ),
    (
        "NC",
        "cost beside hand-written code and peers",
        "batch 10K: 585M to 2.0B samples/s",
        "cargo bench --bench ratios",
    ),
    (
        "DMCI",
        "evaluator as a file, loaded and run",
        "evaluation about 14x a direct one",
        "cargo run --release --example evaluate",
    ),
    (
        "DMCI",
        "hot swap",
        "20 to 35 ms",
        "cargo run --release --example hot_swap",
    ),
    (
        "D",
        "genetic search, a sin(bx) + c x^2, and three more",
        "same best program as recompiling; 25x slower per candidate",
        "cargo run --release --example co_search",
    ),
    (
        "H",
        "lanes beside jax.vmap",
        "0.27x of it",
        "cargo bench --bench ratios -- --section table",
    ),
    (
        "ENSO",
        "linear inverse models whose truth is known",
        "gradients where gradient-free search fails",
        "cargo run --release --example linear_inverse_model",
    ),
    (
        "SDP",
        "recovery of whole programs",
        "fibonacci 4 % from random, 75 % synthesised",
        "cargo run --release -- machine table1",
    ),
    (
        "ALM",
        "routing through fibonacci, and circuits swapped in",
        "73 / 71 / 7 % at depths 1, 2, 3",
        "cargo run --release --example routing -- minimal swap",
    ),
    (
        "NDVM",
        "gradient certificates",
        "none",
        "cargo run --release --example verify",
    ),
];
