//! Golden files: graphs that earlier versions wrote stay readable, and mean the same.

use dmci::graph::ncg;
use dmci::{Bindings, evaluate};

#[test]
fn a_file_of_version_1_reads_and_runs() {
    let text = include_str!("../ncg/version-1.ncg");
    let graph = ncg::read(text).expect("the file is valid");
    let value = evaluate(&graph, &Bindings::from([("x", 2.0)])).expect("it runs");
    assert_eq!(
        value.to_scheme(),
        r#"(0.84375 0.6931471805599453 (a "b" -0.0))"#
    );
}
