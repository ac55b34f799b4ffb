//! Interned names.
//!
//! Text goes in, a [`Sym`] comes out; equal names in one table are equal numbers.
//!
//! **Invariants**
//! - A table may stand on a frozen base: its own symbols start where the base ends, so a `Sym` of
//!   the base means the same in every table above it.
//! - *Reserved* names (`%if`, `%lambda`, …) are the core forms' heads. They live in a namespace of
//!   their own: a program that spells `%if` gets an ordinary symbol, never the reserved one.

use rustc_hash::FxHashMap;
use std::fmt;
use std::sync::Arc;

/// An interned name: an index into the [`Symbols`] that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Sym(u32);

impl Sym {
    /// The symbol with the given index.
    pub(crate) const fn new(index: u32) -> Self {
        Self(index)
    }

    /// The index of this symbol.
    pub(crate) const fn index(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Sym {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s{}", self.0)
    }
}

/// A table of interned names, perhaps on top of a frozen one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Symbols {
    base: Option<Arc<Symbols>>,
    base_len: u32,
    names: Vec<(Arc<str>, bool)>,
    /// Bytes of the names of this table alone.
    text_bytes: usize,
    ids: [FxHashMap<Arc<str>, Sym>; 2],
}

impl Symbols {
    /// An empty table.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// A table that extends `base`, which stays as it is.
    pub(crate) fn extending(base: Arc<Symbols>) -> Self {
        let base_len = base.len();
        Self {
            base: Some(base),
            base_len,
            ..Self::default()
        }
    }

    /// How many symbols the base has.
    pub(crate) fn base_len(&self) -> u32 {
        self.base_len
    }

    /// How many symbols there are, the base's included.
    pub(crate) fn len(&self) -> u32 {
        self.base_len + self.names.len() as u32
    }

    /// The bytes that this table takes beside its base's, about.
    pub(crate) fn bytes(&self) -> usize {
        // A name and its counts in a block of the allocator's, its place in the list, and what a table of
        // names has for each that it has room for.
        let each = 32 + size_of::<(Arc<str>, bool)>();
        let room: usize = self.ids.iter().map(FxHashMap::capacity).sum();
        // A table that grows is there twice for a while.
        let table = (size_of::<(Arc<str>, Sym)>() + 4) * room * 3 / 2;
        each * self.names.len() + table + self.text_bytes
    }

    /// The symbol of an ordinary name.
    pub(crate) fn intern(&mut self, name: &str) -> Sym {
        self.add(name, false)
    }

    /// The symbol of a reserved name, which no program text can spell.
    pub(crate) fn reserve(&mut self, name: &str) -> Sym {
        self.add(name, true)
    }

    /// The symbol of an ordinary name, where it is known already.
    pub(crate) fn find(&self, name: &str) -> Option<Sym> {
        self.lookup(name, false)
    }

    /// A symbol of its own that is called as another is: no program text can spell it, and nothing finds
    /// it by its name.
    pub(crate) fn alias(&mut self, of: Sym) -> Sym {
        let sym = Sym(self.len());
        let name = self.shared_name(of);
        self.names.push((name, true));
        sym
    }

    /// The text of a symbol, not copied.
    fn shared_name(&self, sym: Sym) -> Arc<str> {
        match (&self.base, sym.0.checked_sub(self.base_len)) {
            (_, Some(own)) => self.names[own as usize].0.clone(),
            (Some(base), None) => base.shared_name(sym),
            (None, None) => "?".into(),
        }
    }

    /// The symbol of a reserved name, where it is known already.
    pub(crate) fn find_reserved(&self, name: &str) -> Option<Sym> {
        self.lookup(name, true)
    }

    /// The text of a symbol of this table or its base; `"?"` for one of neither.
    pub(crate) fn name(&self, sym: Sym) -> &str {
        match (&self.base, sym.0.checked_sub(self.base_len)) {
            (_, Some(own)) => self.names.get(own as usize).map_or("?", |(name, _)| name),
            (Some(base), None) => base.name(sym),
            (None, None) => "?",
        }
    }

    /// Whether the symbol is of the reserved namespace.
    pub(crate) fn is_reserved(&self, sym: Sym) -> bool {
        match (&self.base, sym.0.checked_sub(self.base_len)) {
            (_, Some(own)) => self.names.get(own as usize).is_some_and(|&(_, r)| r),
            (Some(base), None) => base.is_reserved(sym),
            (None, None) => false,
        }
    }

    fn lookup(&self, name: &str, reserved: bool) -> Option<Sym> {
        let inherited = self.base.as_ref().and_then(|b| b.lookup(name, reserved));
        inherited.or_else(|| self.ids[usize::from(reserved)].get(name).copied())
    }

    fn add(&mut self, name: &str, reserved: bool) -> Sym {
        if let Some(sym) = self.lookup(name, reserved) {
            return sym;
        }
        let sym = Sym(self.len());
        let name: Arc<str> = name.into();
        self.text_bytes += name.len();
        self.names.push((name.clone(), reserved));
        self.ids[usize::from(reserved)].insert(name, sym);
        sym
    }
}

/// The name closest in spelling, if one is close.
pub fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    /// Longer names are none that somebody mistyped.
    const LONGEST: usize = 64;
    let length = name.chars().take(LONGEST + 1).count();
    if length > LONGEST {
        return None;
    }
    // They differ by their lengths at least.
    let as_long = |other: &&str| {
        let other = other.chars().take(4 * LONGEST).count();
        3 * length.abs_diff(other) <= length.max(3)
    };
    names
        .filter(as_long)
        .map(|other| (strsim::damerau_levenshtein(name, other), other))
        .filter(|&(distance, other)| {
            distance < length && distance * 3 <= length.max(3) && !other.is_empty()
        })
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, other)| other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_keeps_its_numbers_and_reserved_names_stand_apart() {
        let mut base = Symbols::new();
        let car = base.intern("car");
        let reserved = base.reserve("%if");
        let mut symbols = Symbols::extending(Arc::new(base));
        assert_eq!(symbols.intern("car"), car);
        let spelled = symbols.intern("%if");
        assert_ne!(spelled, reserved);
        assert_eq!(symbols.name(spelled), "%if");
        assert!(symbols.is_reserved(reserved) && !symbols.is_reserved(spelled));
    }
}
