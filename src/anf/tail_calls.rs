//! `tail_calls`: recursion in tail position becomes jumps.
//!
//! An [`Anf`] goes in and comes out. A procedure's call of itself in tail position becomes
//! [`End::Again`], a loop; other tail calls of known procedures (mutual recursion) keep their
//! target, which the engine enters without growing the stack.
//!
//! **Invariants**
//! - Only calls with the right number of arguments become loops, so arity errors stay where they
//!   were.
//! - A loop keeps the environment of the closure it runs in; that is sound because a known name
//!   inside a procedure's own body means the very closure that is running.

use super::{Anf, BlockId, End, LambdaId, Op};

/// Turns self-calls in tail position into loops.
pub(crate) fn tail_calls(mut anf: Anf) -> Anf {
    for index in 0..anf.lambdas.len() {
        let id = LambdaId(index as u32);
        let lambda = anf.lambda(id);
        if lambda.rest {
            continue;
        }
        let mut open = vec![lambda.body];
        while let Some(block) = open.pop() {
            let block = &mut anf.blocks[block.0 as usize];
            match &mut block.end {
                End::If {
                    then, otherwise, ..
                } => open.extend([*then, *otherwise]),
                End::TailCall {
                    args, known, site, ..
                } if *known == Some(id) => {
                    let (args, site) = (std::mem::take(args), *site);
                    block.end = End::Again { args, site };
                }
                _ => {}
            }
        }
    }
    anf
}

/// All blocks of a procedure, the arms of its `if`s included.
pub(crate) fn blocks_of(anf: &Anf, id: LambdaId) -> Vec<BlockId> {
    let mut found = Vec::new();
    let mut open = vec![anf.lambda(id).body];
    while let Some(block) = open.pop() {
        found.push(block);
        let block = anf.block(block);
        for step in &block.steps {
            if let Op::If {
                then, otherwise, ..
            } = &step.op
            {
                open.extend([*then, *otherwise]);
            }
        }
        if let End::If {
            then, otherwise, ..
        } = &block.end
        {
            open.extend([*then, *otherwise]);
        }
    }
    found
}
