//! `.ncg`: a [`Graph`](super::Graph) as a file.
//!
//! [`write()`] and [`save`] turn a graph into text; [`read`] and [`load`] turn text into a graph that
//! passed [`verify`](super::verify()), or say what is wrong with it and where.
//!
//! **Invariants**
//! - The same graph is written as the same bytes, and writing what was read gives what was written.
//! - The hash is over the exact text of the graph section; what stands beside it cannot change the
//!   graph.
//! - A file is flat: reading never recurses, however deep the program.
//! - Nodes count from 0 in the order of the file: the floating ones, then block after block. Errors
//!   and [`Graph::print`](super::Graph::print) number them the same way.
//! - No text panics, and no graph is given out unverified.
//!
//! ```text
//! {"format":"dmci-ncg","version":1,"generator":"dmci 0.1.0","hash":"5c0e…","graph":{
//! "reserved":false,
//! "text":"(* 2.0 x)",
//! "inputs":["x"],
//! "params":[],
//! "constants":[["float",2.0,[3,6]]],
//! "functions":[["",0,false,0,0]],
//! "exports":[],
//! "sites":[[0,0,false],[0,9,true]],
//! "floating":2,
//! "blocks":[2],
//! "nodes":[
//! ["%constant",0],["%input",0],
//! ["*",[0,1],1],["%return",[2]]
//! ]}}
//! ```

mod read;
pub(crate) mod whole;
mod write;

pub(super) use read::excerpt;
pub(crate) use read::read_own;
pub use read::{load, read};
pub(crate) use write::sha256;
pub use write::{hash, save, write};

use super::Op;
use crate::prim::Prim;
use smallvec::SmallVec;

/// The version of the format that [`write()`] writes, the newest that [`read`] reads.
pub const VERSION: u64 = 1;

const FORMAT: &str = "dmci-ncg";
const GENERATOR: &str = concat!("dmci ", env!("CARGO_PKG_VERSION"));

/// The longest file that [`load`] reads, in bytes.
const MAX_FILE: u64 = 1 << 30;

/// Why a file is no graph.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NcgError {
    /// The text is no JSON, or ends too early.
    #[error(
        "no JSON at line {line}, column {column}: {message}; the file is damaged or cut short, \
         compile it again"
    )]
    NotJson {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What the JSON reader says.
        message: String,
    },
    /// JSON of another kind.
    #[error("no graph file: {message}; give a file that `dmci compile` wrote")]
    NotNcg {
        /// What is missing.
        message: String,
    },
    /// A file of a later version of this program.
    #[error(
        "the file has version {found} of the format, this program reads up to {supported}; \
         update dmci, or compile the file again"
    )]
    NewerVersion {
        /// The version of the file.
        found: u64,
        /// The newest version that can be read.
        supported: u64,
    },
    /// The graph section is not the one that was written.
    #[error(
        "damaged: the graph has hash {computed}, the file says {stated}; copy it again, or \
         compile it again"
    )]
    Damaged {
        /// The hash in the file.
        stated: String,
        /// The hash of the graph section.
        computed: String,
    },
    /// An operation that the primitive table lacks.
    #[error("node {node}: unknown operation `{name}`; update dmci, or compile the program again")]
    UnknownOperation {
        /// The operation.
        name: String,
        /// The node.
        node: u32,
    },
    /// An index of something that is not there.
    #[error("{place}: {what} {index} does not exist, there are {count}; compile the program again")]
    OutOfRange {
        /// What refers to it: "node 12".
        place: String,
        /// What is referred to: "constant".
        what: &'static str,
        /// The index.
        index: u32,
        /// How many there are.
        count: usize,
    },
    /// A graph that breaks the rules a machine relies on.
    #[error("{place}: {message}; compile the program again")]
    Structure {
        /// Where: "node 12", "block 3".
        place: String,
        /// What is wrong.
        message: String,
    },
    /// A graph that exports no evaluator.
    #[error("the graph holds no interpreter; give a file that `dmci compile --interpreter` wrote")]
    NoInterpreter,
    /// The file could not be read or written.
    #[error("{path}: {message}; check the path and its permissions")]
    Io {
        /// The file.
        path: String,
        /// What the system says.
        message: String,
    },
}

impl NcgError {
    /// What is said of a graph that was to be an interpreter.
    pub(crate) fn no_interpreter() -> Self {
        Self::NoInterpreter
    }
}

// ---- operations ----------------------------------------------------------------------------

/// What an operation is called in files and prints.
pub(super) fn op_name(op: &Op) -> &'static str {
    match op {
        Op::Param(_) => "%param",
        Op::Capture(_) => "%capture",
        Op::Constant(_) => "%constant",
        Op::Input(_) => "%input",
        Op::Function(_) => "%function",
        Op::Prim(prim) => prim.name(),
        Op::Closure(_) => "%closure",
        Op::Call => "%call",
        Op::CallKnown(_) => "%call-known",
        Op::Mux(..) => "%mux",
        Op::Return => "%return",
        Op::TailCall => "%tail-call",
        Op::TailCallKnown(_) => "%tail-call-known",
        Op::Again => "%again",
        Op::Branch(..) => "%branch",
    }
}

/// The operation of a name, its numbers still 0.
fn op_from_name(name: &str) -> Option<Op> {
    if !name.starts_with('%') {
        return Prim::from_internal_name(name).map(Op::Prim);
    }
    Some(match name {
        "%param" => Op::Param(0),
        "%capture" => Op::Capture(0),
        "%constant" => Op::Constant(0),
        "%input" => Op::Input(0),
        "%function" => Op::Function(0),
        "%closure" => Op::Closure(0),
        "%call" => Op::Call,
        "%call-known" => Op::CallKnown(0),
        "%mux" => Op::Mux(0, 0),
        "%return" => Op::Return,
        "%tail-call" => Op::TailCall,
        "%tail-call-known" => Op::TailCallKnown(0),
        "%again" => Op::Again,
        "%branch" => Op::Branch(0, 0),
        _ => Op::Prim(Prim::from_internal_name(name)?),
    })
}

/// The numbers that an operation carries beside its operands.
fn immediates(op: &mut Op) -> SmallVec<[&mut u32; 2]> {
    match op {
        Op::Param(i)
        | Op::Capture(i)
        | Op::Constant(i)
        | Op::Input(i)
        | Op::Function(i)
        | Op::Closure(i)
        | Op::CallKnown(i)
        | Op::TailCallKnown(i) => SmallVec::from_iter([i]),
        Op::Mux(a, b) | Op::Branch(a, b) => SmallVec::from_iter([a, b]),
        Op::Prim(_) | Op::Call | Op::Return | Op::TailCall | Op::Again => SmallVec::new(),
    }
}

/// Whether nodes of the operation have operands.
fn has_operands(op: &Op) -> bool {
    !op.is_floating() && !matches!(op, Op::Param(_) | Op::Capture(_))
}

/// Graphs for the tests of this module and its neighbours.
#[cfg(test)]
pub(super) mod samples {
    use crate::anf::{normalize, tail_calls};
    use crate::graph::{Graph, Imports, build};
    use crate::meter::Meter;
    use crate::symbol::Symbols;
    use crate::syntax::ast::Expr;
    use crate::syntax::{ExpandOptions, ReadOptions, expand, read};

    const PRELUDE: &str = "
        (define (map1 f l) (if (null? l) '() (cons (f (car l)) (map1 f (cdr l)))))
        (define (map f l . more) (if (null? more) (map1 f l) (%fail-at '() \"type\" \"map\")))
        (define (fold-left f acc l) (if (null? l) acc (fold-left f (f acc (car l)) (cdr l))))
        (define (filter keep l)
          (cond ((null? l) '())
                ((keep (car l)) (cons (car l) (filter keep (cdr l))))
                (else (filter keep (cdr l)))))
        (define (compose f g) (lambda (x) (f (g x))))
        (define (tree) '(%if (a . 1) \"s\" #\\x 2.5 -0.0))
        (define (is-even n) (if (= n 0) #t (is-odd (- n 1))))
        (define (is-odd n) (if (= n 0) #f (is-even (- n 1))))
        (map1 car '())";

    pub(in crate::graph) const PROGRAMS: [&str; 24] = [
        "42",
        "(* a (exp (* (- b) x)))",
        "(if (> x 0) (log x) 0)",
        "(let loop ((i 0) (acc 1.5)) (if (< i 10) (loop (+ i 1) (* acc x)) acc))",
        "(define (fact n) (if (= n 0) 1 (* n (fact (- n 1))))) (fact 5)",
        "(map (lambda (y) (* y k)) (list 1 2 x))",
        "(define (make n) (lambda (m) (+ n m x))) ((make 1) 2)",
        "(letrec ((even? (lambda (n) (if (= n 0) #t (odd? (- n 1)))))
                  (odd? (lambda (n) (if (= n 0) #f (even? (- n 1)))))) (even? 10))",
        "(let ((s x)) (letrec ((f (lambda (n) (if (= n 0) s (g (- n 1)))))
                               (g (lambda (n) (if (= n 0) (- s) (f (- n 1)))))) (f 3)))",
        "(define y x) (define (f n) (if (< n 1) y (+ y (f (- n 1))))) (+ (f 3) (f 4))",
        "(param k 2.5 (> 0)) (param q 0.5 (between 0 1)) (param r -1e300) (* k q r x)",
        "'(1 (2.5 . \"three\") #t #\\a sym |odd name| ())",
        "(cond ((< x 0) 'neg) ((= x 0) 'zero) ((< x 1) 'small) ((< x 2) 'middle) (else 'big))",
        "(define (f . args) (apply + args)) (f 1 2 3)",
        "(+ 1 (if x (if y 1 2) (let ((z (* y y))) (if z z 3))))",
        "(fold-left + 0 (filter (lambda (v) (> v t)) (list 1 2 3)))",
        "((compose sin cos) (tree))",
        "(is-odd 7)",
        "(do ((i 0 (+ i 1)) (s 0 (+ s i))) ((= i 5) s))",
        "(list +inf.0 -inf.0 +nan.0 -0.0 0.1 1e-320 1.7976931348623157e308 123456789012345678)",
        "(define (f) (g)) (define (g) (h)) (define h (lambda () (* x (k2)))) (f)",
        "(letrec ((a (lambda () (b))) (b 1)) (a))",
        "(let* ((é \"tab\\tquote\\\"\") (λ (lambda (n) (list é n)))) (λ x))",
        "(let ((f (lambda (n) (* n x)))) (+ (f 1) (f 2) (if (f 3) (f 4) (undefined-thing 5))))",
    ];

    pub(in crate::graph) fn compile(text: &str, prelude: Option<&Graph>) -> Graph {
        try_compile(text, prelude).expect("it is a program")
    }

    /// The graph of a text, if it is a program.
    pub(in crate::graph) fn try_compile(text: &str, prelude: Option<&Graph>) -> Option<Graph> {
        let mut symbols = Symbols::new();
        let options = ReadOptions {
            reserved: prelude.is_none(),
            ..ReadOptions::default()
        };
        let data = read(text, &mut symbols, options).ok()?;
        let procedures = prelude.map(|graph| {
            let exports = graph.exports.iter();
            exports.map(|(name, _)| (name.clone(), (0, None))).collect()
        });
        let options = ExpandOptions {
            prelude: procedures.as_ref(),
            internal: prelude.is_none(),
            ..ExpandOptions::default()
        };
        let program = expand(&text.into(), data, symbols, &options).ok()?;
        // Forms that the prelude's helpers serve are beyond this small one.
        let is_there = |name: &str| prelude.is_none_or(|graph| graph.export(name).is_some());
        let helpers = program.exprs.iter().filter_map(|expr| match expr {
            Expr::Prelude(sym) => Some(program.symbols.name(*sym)),
            _ => None,
        });
        if !helpers.into_iter().all(is_there) {
            return None;
        }
        let mut inputs: Vec<String> = program.params().iter().map(|p| p.name.clone()).collect();
        for (name, _) in program.free_names() {
            if name != "undefined-thing" && !inputs.iter().any(|i| i == name) {
                inputs.push(name.to_owned());
            }
        }
        let anf = normalize(&program, &|name| inputs.iter().any(|i| i == name));
        let imports = prelude.map_or(Imports::Own, Imports::Prelude);
        let meter = Meter::default();
        build(&tail_calls(anf), &program, &inputs, imports, &meter).ok()
    }

    /// A graph that brings its own prelude, as the interpreter's does.
    pub(in crate::graph) fn prelude() -> Graph {
        compile(PRELUDE, None)
    }

    pub(in crate::graph) fn program(text: &str) -> Graph {
        compile(text, Some(&prelude()))
    }

    /// All of them.
    pub(in crate::graph) fn graphs() -> Vec<(&'static str, Graph)> {
        let prelude = prelude();
        let mut graphs: Vec<_> = PROGRAMS
            .into_iter()
            .map(|text| (text, compile(text, Some(&prelude))))
            .collect();
        graphs.push((PRELUDE, prelude));
        graphs
    }
}

#[cfg(test)]
mod tests {
    use super::samples::{graphs, prelude, program};
    use super::write::hash;
    use super::*;
    use crate::graph::{Graph, GraphConstant};
    use crate::syntax::ast::Constant;
    use proptest::prelude::*;
    use std::fs;

    /// The file with the hash of its graph section made right.
    fn rehash(text: &str) -> Option<String> {
        let at = text.find("\"graph\":")? + "\"graph\":".len();
        let section = text[at..].trim_end().strip_suffix('}')?;
        let start = text.find("\"hash\":\"")? + "\"hash\":\"".len();
        let old = text.get(start..start + 64)?;
        Some(text.replace(old, &sha256(section.as_bytes())))
    }

    fn tampered(from: &str, to: &str) -> NcgError {
        let text = write(&program("(+ 1 (* x 2.0))"));
        assert!(text.contains(from), "{text}");
        let text = rehash(&text.replacen(from, to, 1)).unwrap();
        let error = read(&text).expect_err(&text);
        let message = error.to_string();
        assert_eq!(message, message.trim_end_matches('.'));
        error
    }

    #[test]
    fn what_is_read_is_what_was_written() {
        for (source, graph) in graphs() {
            let text = write(&graph);
            assert_eq!(text, write(&graph.clone()), "{source}");
            let back = read(&text).unwrap_or_else(|e| panic!("{source}: {e}\n{text}"));
            assert_eq!(write(&back), text, "{source}");
            assert_eq!(back.print(), graph.print(), "{source}");
            assert_eq!(back.functions, graph.functions);
            assert_eq!(back.exports, graph.exports);
            assert_eq!(back.inputs, graph.inputs);
            assert_eq!(back.sites, graph.sites);
            assert_eq!(back.text, graph.text);
        }
    }

    #[test]
    fn floats_keep_their_bits() {
        let graph = program(
            "(list 0.1 -0.0 5e-324 1.7976931348623157e308 +inf.0 -inf.0 +nan.0 3.141592653589793)",
        );
        let back = read(&write(&graph)).unwrap();
        let bits = |graph: &Graph| -> Vec<u64> {
            let floats = graph.constants.iter().filter_map(|c| match c {
                GraphConstant::Value(Constant::Float(x), _) => Some(x.to_bits()),
                _ => None,
            });
            floats.collect()
        };
        assert_eq!(bits(&graph).len(), 8);
        assert_eq!(bits(&graph), bits(&back));
    }

    #[test]
    fn the_layout_is_as_documented() {
        let text = write(&program("(* 2.0 x)"));
        let (head, section) = text.split_once("\"graph\":").unwrap();
        assert!(head.starts_with("{\"format\":\"dmci-ncg\",\"version\":1,\"generator\":\"dmci "));
        let expected = concat!(
            "{\n\"reserved\":false,\n\"text\":\"(* 2.0 x)\",\n\"inputs\":[\"x\"],\n\"params\":[],\n",
            "\"constants\":[[\"float\",2.0,[3,6]]],\n\"functions\":[[\"\",0,false,0,0]],\n",
            "\"exports\":[],\n\"sites\":[[0,0,false],[0,9,true]],\n\"floating\":2,\n",
            "\"blocks\":[2],\n\"nodes\":[\n[\"%constant\",0],[\"%input\",0],\n",
            "[\"*\",[0,1],1],[\"%return\",[2]]\n]}}\n",
        );
        assert_eq!(section, expected);
    }

    #[test]
    fn control_operations_are_no_primitives() {
        let graphs = graphs();
        let ops = graphs.iter().flat_map(|(_, graph)| graph.nodes.values());
        for node in ops {
            let prim = Prim::from_internal_name(op_name(&node.op));
            assert_eq!(prim.is_some(), matches!(node.op, Op::Prim(_)));
        }
    }

    #[test]
    fn every_program_of_the_corpus_passes() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/public.jsonl");
        let cases = fs::read_to_string(path).unwrap();
        let prelude = prelude();
        let mut count = 0;
        for line in cases.lines() {
            let case: serde_json::Value = serde_json::from_str(line).unwrap();
            let source = case["source"].as_str().unwrap();
            let Some(graph) = super::samples::try_compile(source, Some(&prelude)) else {
                continue;
            };
            count += 1;
            let text = write(&graph);
            let back = read(&text).unwrap_or_else(|e| panic!("{source}: {e}\n{}", graph.print()));
            assert_eq!(write(&back), text, "{source}");
        }
        assert!(count > 500, "{count}");
    }

    #[test]
    fn every_truncation_is_an_error() {
        for (_, graph) in graphs() {
            let text = write(&graph);
            for end in (0..text.trim_end().len()).filter(|&end| text.is_char_boundary(end)) {
                let error = read(&text[..end]).expect_err("it is cut short");
                assert!(matches!(error, NcgError::NotJson { .. }), "{end}: {error}");
            }
        }
    }

    #[test]
    fn every_flipped_bit_is_an_error() {
        let text = write(&program(
            "(param k 2.5 (> 0)) (if (> x 0) (f (* k x)) '(a 1.5))",
        ));
        let generator = text.find("\"dmci ").unwrap()..text.find("\",\"hash").unwrap();
        for at in 0..text.len() - 1 {
            for bit in 0..8 {
                let mut bytes = text.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                let Ok(flipped) = str::from_utf8(&bytes) else {
                    continue;
                };
                match read(flipped) {
                    Err(_) => {}
                    // Who wrote the file is told to people only.
                    Ok(graph) => {
                        assert!(generator.contains(&at), "bit {bit} of byte {at}");
                        assert_eq!(write(&graph), text);
                    }
                }
            }
        }
    }

    #[test]
    fn errors_say_what_is_wrong_and_where() {
        use NcgError as E;
        let text = write(&program("(* x 2.0)"));
        let message = |text: &str| read(text).expect_err(text).to_string();
        let newer = text.replace("\"version\":1", "\"version\":7");
        assert!(message(&newer).contains("version 7 of the format, this program reads up to 1"));
        let newer = "{\"format\":\"dmci-ncg\",\"version\":2,\"graph\":17,\"more\":[]}";
        assert!(matches!(read(newer), Err(E::NewerVersion { found: 2, .. })));
        for other in [
            "{}",
            "[]",
            "17",
            "null",
            "{\"format\":\"png\"}",
            "{\"format\":3}",
        ] {
            assert!(matches!(read(other), Err(E::NotNcg { .. })), "{other}");
        }
        assert!(message("{}").contains("no \"format\""));
        for broken in ["", "{", "(* x 2)", "\u{feff}{}", "{} {}"] {
            assert!(matches!(read(broken), Err(E::NotJson { .. })), "{broken}");
        }
        let damaged = text.replace("[\"*\",", "[\"+\",");
        assert!(matches!(read(&damaged), Err(E::Damaged { .. })));
        assert!(message(&damaged).starts_with("damaged: "));
        let crlf = text.replace('\n', "\r\n");
        assert!(matches!(read(&crlf), Err(E::Damaged { .. })));
        match tampered("[\"*\",", "[\"frobnicate\",") {
            E::UnknownOperation { name, node } => assert_eq!((&*name, node), ("frobnicate", 3)),
            other => panic!("{other}"),
        }
        let error = tampered("[\"*\",[0,1]", "[\"*\",[0,99]");
        assert!(
            error
                .to_string()
                .starts_with("node 3: node 99 does not exist, there are 6"),
            "{error}"
        );
        let error = tampered("[\"*\",[0,1]", "[\"*\",[0,-2]");
        let E::Structure { place, .. } = &error else {
            panic!("{error}");
        };
        assert_eq!(place, "line 14, column 10", "{error}");
        assert!(matches!(
            tampered("\"floating\":3", "\"floating\":4294967295"),
            E::Structure { .. }
        ));
        assert!(matches!(
            tampered("[\"%input\",0]", "[\"%input\",7]"),
            E::OutOfRange { .. }
        ));
        assert!(matches!(
            tampered("[\"%input\",0]", "[\"%input\"]"),
            E::Structure { .. }
        ));
        assert!(matches!(
            tampered("[\"%input\",0]", "[]"),
            E::Structure { .. }
        ));
        assert!(matches!(
            tampered("[\"%input\",0]", "[\"%input\",0,0,0]"),
            E::Structure { .. }
        ));
        assert!(matches!(
            tampered("\"reserved\"", "\"extra\":1,\"reserved\""),
            E::Structure { .. }
        ));
        assert!(matches!(
            tampered("[\"int\",1.0", "[\"int\",1.5"),
            E::Structure { .. }
        ));
        assert!(matches!(
            tampered("[\"int\",1.0", "[\"int\",1e999"),
            E::Structure { .. }
        ));
    }

    #[test]
    fn a_certificate_beside_the_graph_is_allowed_and_nothing_else() {
        let text = write(&program("x"));
        let with = |key: &str| text.replacen("\"hash\"", &format!("\"{key}\":[{{}}],\"hash\""), 1);
        let graph = read(&with("certificate")).unwrap();
        assert_eq!(graph.certificate.as_deref(), Some("[{}]"));
        let again = write(&graph);
        assert_eq!(write(&read(&again).unwrap()), again);
        let bare = Graph {
            certificate: None,
            ..graph.clone()
        };
        assert_eq!(hash(&graph), hash(&bare));
        let broken = Graph {
            certificate: Some("{".into()),
            ..graph
        };
        assert_eq!(write(&broken), text);
        assert!(matches!(read(&with("other")), Err(NcgError::NotNcg { .. })));
        let twice = text.replacen("\"hash\"", "\"generator\":\"x\",\"hash\"", 1);
        assert!(matches!(read(&twice), Err(NcgError::NotNcg { .. })));
    }

    #[test]
    fn deep_files_do_not_overflow_the_stack() {
        let deep = "[".repeat(1_000_000);
        assert!(matches!(
            read(&deep),
            Err(NcgError::NotNcg { .. } | NcgError::NotJson { .. })
        ));
        let certificate = format!("{{\"certificate\":{deep}");
        assert!(matches!(read(&certificate), Err(NcgError::NotJson { .. })));
        let text = write(&program("x"));
        let closed = format!("{deep}{}", "]".repeat(deep.len()));
        let inside = text.replacen("[\"%input\",0]", &format!("[\"no\",{closed}]"), 1);
        let error = read(&rehash(&inside).unwrap()).unwrap_err();
        assert!(
            matches!(error, NcgError::UnknownOperation { .. }),
            "{error}"
        );
        let quotes = "(".repeat(20_000) + &")".repeat(20_000);
        let text = write(&program("'q")).replacen("\"q\"", &format!("\"{quotes}\""), 1);
        let error = read(&rehash(&text).unwrap()).unwrap_err();
        assert!(error.to_string().contains("nesting deeper than"), "{error}");
        let mut nested = String::from("x");
        for _ in 0..3000 {
            nested = format!("(if x (+ 1 {nested}) 2)");
        }
        let graph = program(&nested);
        let text = write(&graph);
        assert_eq!(write(&read(&text).unwrap()), text);
    }

    #[test]
    fn files_are_written_whole_or_not_at_all() {
        let directory = std::env::temp_dir().join(format!("dmci-ncg-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let path = directory.join("a.ncg");
        let graph = program("(* 2 x)");
        save(&graph, &path).unwrap();
        save(&graph, &path).unwrap();
        assert_eq!(write(&load(&path).unwrap()), write(&graph));
        // A directory cannot be replaced by a file.
        let taken = directory.join("taken");
        fs::create_dir_all(taken.join("inside")).unwrap();
        let error = save(&graph, &taken).unwrap_err();
        assert!(matches!(error, NcgError::Io { .. }) && error.to_string().contains("taken"));
        let missing = directory.join("none").join("a.ncg");
        assert!(matches!(save(&graph, &missing), Err(NcgError::Io { .. })));
        assert!(matches!(load(&missing), Err(NcgError::Io { .. })));
        assert!(matches!(load(&directory), Err(NcgError::Io { .. })));
        fs::write(&path, b"{\xff").unwrap();
        assert!(matches!(
            load(&path),
            Err(NcgError::NotJson { column: 2, .. })
        ));
        let mut left: Vec<_> = fs::read_dir(&directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        left.sort();
        assert_eq!(left, ["a.ncg", "taken"]);
        fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn graphs_that_no_pass_makes_are_written_but_not_read() {
        let mut graph = program("(+ x 1)");
        let id = graph.blocks[0].nodes[0];
        graph.nodes.remove(id);
        assert!(matches!(
            read(&write(&graph)),
            Err(NcgError::UnknownOperation { .. })
        ));
        let mut graph = program("(+ x 1)");
        graph.blocks[0].nodes.remove(0);
        assert!(matches!(
            read(&write(&graph)),
            Err(NcgError::OutOfRange { .. })
        ));
    }

    proptest! {
        /// Tokens of a file exchanged, the hash made right again: never a panic, and what passes is
        /// a graph like any other.
        #[test]
        fn hostile_files_do_no_harm(
            which in 0..samples::PROGRAMS.len(),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<bool>()), 1..4),
        ) {
            let mut text = write(&program(samples::PROGRAMS[which]));
            let head = text.find("\"graph\":").unwrap() + 8;
            for (from, to, copy) in changes {
                let tokens: Vec<(usize, usize)> = tokens(&text).filter(|t| t.0 > head).collect();
                let (a, b) = (tokens[from.index(tokens.len())], tokens[to.index(tokens.len())]);
                let new = if copy { text[b.0..b.1].to_owned() } else { "4294967295".into() };
                text.replace_range(a.0..a.1, &new);
            }
            if let Some(text) = rehash(&text)
                && let Ok(graph) = read(&text)
            {
                let again = write(&graph);
                prop_assert_eq!(write(&read(&again).unwrap()), again);
                let _ = (graph.print(), graph.to_dot());
            }
        }

        #[test]
        fn no_text_panics(text in "[\\[\\]{}\",:a-z0-9.\\-\n]{0,60}") {
            prop_assert!(read(&text).is_err());
        }
    }

    /// Numbers and strings of a JSON text.
    fn tokens(text: &str) -> impl Iterator<Item = (usize, usize)> {
        let mut at = 0;
        std::iter::from_fn(move || {
            let bytes = text.as_bytes();
            while at < bytes.len()
                && matches!(bytes[at], b'[' | b']' | b'{' | b'}' | b',' | b':' | b'\n')
            {
                at += 1;
            }
            let start = at;
            if bytes.get(at) == Some(&b'"') {
                at += 1;
                while at < bytes.len() && bytes[at] != b'"' {
                    at += 1 + usize::from(bytes[at] == b'\\');
                }
                at = (at + 1).min(bytes.len());
            } else {
                while at < bytes.len()
                    && !matches!(bytes[at], b'[' | b']' | b'{' | b'}' | b',' | b':' | b'\n')
                {
                    at += 1;
                }
            }
            (at > start).then_some((start, at))
        })
    }
}
