//! What code with loops reads, by loops, iterations and the places in these.

/// A number of the code with loops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Number {
    /// A result of a step between loops.
    Straight(usize, u32),
    /// A loop, its iteration, the place in it, and which result.
    Loop(usize, usize, usize, u32),
    Input(u32),
    Constant(u64),
}

/// What the steps of a loop read, in any iteration.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reads {
    /// The same number each time.
    Fixed(Number),
    /// Of the loop itself, so many iterations back; place and which result.
    Own(usize, usize, u32),
    /// Of another loop: which, its iteration for the first one, and where that moves; place and result.
    Other(usize, i64, i64, usize, u32),
    /// Of a stream: which, where it begins, where it moves.
    Fed(u32, i64, i64),
}
