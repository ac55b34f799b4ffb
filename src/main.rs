//! `dmci`: recompiles the evaluator into `bootstrap/interpreter.ncg`.

fn main() -> Result<(), dmci::Error> {
    let interpreter = dmci::compile_interpreter()?;
    dmci::save_compiled(&interpreter, "bootstrap/interpreter.ncg")
}
