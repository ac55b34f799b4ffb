//! Which machine it is: where the sources leave a choice, the settled one and its variants.
//!
//! **Invariants**
//! - The default is the settled definition; each variant has a name that the Scheme definition in
//!   `examples/register_machine/machine.scm` knows too.

/// What is mixed over the lines where the machine is on several at once.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Mixture {
    /// The lines' probabilities, which are softmaxes of their weights.
    #[default]
    Probabilities,
    /// The lines' weights, and the softmax is of the mixture: the variant `logits`.
    Logits,
}

/// Where a jump goes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Destination {
    /// To the line's label.
    #[default]
    Label,
    /// To the number in r2, modulo the lines: the variant `register`.
    Register,
}

/// When a jump is taken.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Taken {
    /// When r1 holds 0.
    #[default]
    OnZero,
    /// When r1 holds 1: the variant `one`.
    OnOne,
}

/// How the chance to have halted grows, of a step that halts by a chance f.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Halting {
    /// From h to h + (1 - h) f.
    #[default]
    Sum,
    /// From h to the larger of h and f: the variant `max`.
    Max,
}

/// A machine's choices.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Definition {
    /// What is mixed over the lines.
    pub mixture: Mixture,
    /// Where a jump goes.
    pub destination: Destination,
    /// When a jump is taken.
    pub taken: Taken,
    /// How halting grows.
    pub halting: Halting,
}

impl Definition {
    /// The names of the variants.
    pub const VARIANTS: [&str; 4] = ["logits", "register", "one", "max"];

    /// The same with a variant, by its name; none where no variant has the name.
    #[must_use]
    pub fn with(mut self, variant: &str) -> Option<Self> {
        match variant {
            "logits" => self.mixture = Mixture::Logits,
            "register" => self.destination = Destination::Register,
            "one" => self.taken = Taken::OnOne,
            "max" => self.halting = Halting::Max,
            _ => return None,
        }
        Some(self)
    }

    /// The number in r1 on which a jump is taken.
    #[inline]
    pub fn jumps_on(&self) -> usize {
        match self.taken {
            Taken::OnZero => 0,
            Taken::OnOne => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_have_names() {
        let plain = Definition::default();
        for name in Definition::VARIANTS {
            let variant = plain.with(name).expect("it is a variant");
            assert_ne!(variant, plain);
            assert_eq!(variant.with(name), Some(variant));
        }
        assert_eq!(plain.with("two"), None);
        assert_eq!(plain.jumps_on(), 0);
    }
}
