//! `syntax-rules`: patterns that are matched, templates that are filled.
//!
//! A `(syntax-rules …)` form goes in and is checked, once; a use of the macro goes in, and what its first
//! matching rule makes of it comes out.
//!
//! **Invariants**
//! - A variable stands in a template under as many ellipses as in its pattern, or more: that is known
//!   when the macro is defined.
//! - Patterns match data of any length in loops; recursion follows the nesting of the pattern.
//! - What matches is not copied: the datum itself goes into the template.

use super::{ExpandError, Expander, Result};
use crate::error::Kind;
use crate::source::Span;
use crate::symbol::Sym;
use crate::syntax::datum::{Datum, DatumId};
use crate::syntax::forms::Form;
use rustc_hash::{FxHashMap, FxHashSet};
use std::borrow::Cow;

/// A macro, by its place among all of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MacroId(pub(super) u32);

/// The rules of a macro.
pub(super) struct Rules {
    /// The name that repeats what it follows.
    ellipsis: Sym,
    literals: FxHashSet<Sym>,
    all: Vec<Rule>,
}

/// Both without the keyword that a pattern begins with.
struct Rule {
    pattern: Parts,
    template: DatumId,
    /// How many ellipses each variable stands under.
    depths: FxHashMap<Sym, u32>,
    /// The pattern, for errors.
    whole: DatumId,
}

/// A list, taken apart: what comes before the part that repeats, that part, what comes after it, and
/// what stands after the dot.
#[derive(Clone)]
struct Parts {
    before: Vec<DatumId>,
    repeated: Option<DatumId>,
    after: Vec<DatumId>,
    tail: Option<DatumId>,
}

/// What a variable of a pattern stands for.
#[derive(Clone)]
enum Bound {
    One(DatumId),
    Many(Vec<Bound>),
}

type Found = FxHashMap<Sym, Bound>;

/// A use of a macro under way.
struct Use<'r> {
    rules: &'r Rules,
    made_by: MacroId,
    number: u32,
    span: Span,
    /// The use, for errors.
    at: DatumId,
}

impl Expander<'_> {
    // ---- definition --------------------------------------------------------------------------

    pub(super) fn parse_rules(&mut self, id: DatumId) -> Result<Rules> {
        const USAGE: &str = "write `(syntax-rules (literal …) (pattern template) …)`";
        let items = match self.form_of(id) {
            Some((Form::SyntaxRules, items)) => &items[1..],
            _ => {
                return Err(ExpandError {
                    kind: Kind::Unsupported,
                    message: "macros are made by `syntax-rules` alone: write `(syntax-rules \
                              (literal …) (pattern template) …)`"
                        .into(),
                    span: self.data.span(id),
                    also: Vec::new(),
                });
            }
        };
        let (ellipsis, items) = match items {
            [custom, rest @ ..] => match self.data.get(*custom) {
                Datum::Symbol(sym) => (sym, rest),
                _ => (self.symbols.intern("..."), items),
            },
            [] => return self.fail(id, USAGE),
        };
        let [literals, rules @ ..] = items else {
            return self.fail(id, USAGE);
        };
        let Datum::List(names) = self.data.get(*literals) else {
            return self.fail(*literals, USAGE);
        };
        let mut known = FxHashSet::default();
        for &name in names {
            match self.data.get(name) {
                Datum::Symbol(sym) => known.insert(sym),
                _ => return self.fail(name, "a literal is a name"),
            };
        }
        let mut parsed = Rules {
            ellipsis,
            literals: known,
            all: Vec::with_capacity(rules.len()),
        };
        for &rule in rules {
            let &[whole, template] = self.list_of_two(rule)?;
            let mut pattern = match self.data.get(whole) {
                Datum::List([_, ..]) | Datum::Dotted(..) => self.pattern_parts(&parsed, whole)?,
                _ => {
                    return self.fail(
                        whole,
                        "a pattern is a list that begins with the macro's name",
                    );
                }
            };
            if pattern.before.is_empty() {
                return self.fail(whole, "a pattern begins with the macro's name");
            }
            pattern.before.remove(0);
            let mut depths = FxHashMap::default();
            self.pattern_variables(&parsed, &pattern, 0, &mut depths)?;
            self.check_template(&parsed, template, &depths, 0, true)?;
            parsed.all.push(Rule {
                pattern,
                template,
                depths,
                whole,
            });
        }
        Ok(parsed)
    }

    fn list_of_two(&self, id: DatumId) -> Result<&[DatumId; 2]> {
        let data = self.data;
        match data.get(id) {
            Datum::List(items) => match items.try_into() {
                Ok(two) => Ok(two),
                Err(_) => self.fail(id, "a rule is `(pattern template)`"),
            },
            Datum::Bracket(_) => self.brackets(id, "a rule is `(pattern template)`"),
            _ => self.fail(id, "a rule is `(pattern template)`"),
        }
    }

    fn is_ellipsis(&self, rules: &Rules, id: DatumId) -> bool {
        match self.data.get(id) {
            Datum::Symbol(sym) => {
                let same = sym == rules.ellipsis || self.root(sym) == rules.ellipsis;
                same && !rules.literals.contains(&sym)
            }
            _ => false,
        }
    }

    /// Takes a pattern that is a list apart; brackets too.
    fn pattern_parts(&self, rules: &Rules, id: DatumId) -> Result<Parts> {
        let (items, tail) = self.list_items(id);
        let items = items.as_ref();
        let mut parts = Parts {
            before: items.to_vec(),
            repeated: None,
            after: Vec::new(),
            tail,
        };
        let place = items.iter().position(|&item| self.is_ellipsis(rules, item));
        if let Some(place) = place {
            if place == 0 {
                return self.fail(items[0], "an ellipsis follows what it repeats");
            }
            parts.before = items[..place - 1].to_vec();
            parts.repeated = Some(items[place - 1]);
            parts.after = items[place + 1..].to_vec();
            let again = parts.after.iter().chain(&tail);
            if let Some(&again) = again.clone().find(|&&item| self.is_ellipsis(rules, item)) {
                return self.fail(again, "one list of a pattern has one ellipsis");
            }
        }
        Ok(parts)
    }

    /// Collects the variables of a pattern, and how many ellipses each stands under.
    fn pattern_variables(
        &self,
        rules: &Rules,
        parts: &Parts,
        depth: u32,
        depths: &mut FxHashMap<Sym, u32>,
    ) -> Result<()> {
        let plain = parts.before.iter().chain(&parts.after).chain(&parts.tail);
        let plain = plain.map(|&item| (item, depth));
        let repeated = parts.repeated.map(|item| (item, depth + 1));
        for (item, depth) in plain.chain(repeated) {
            match self.data.get(item) {
                Datum::Symbol(sym) => {
                    if rules.literals.contains(&sym) || self.is_wildcard(sym) {
                        continue;
                    }
                    if depths.insert(sym, depth).is_some() {
                        let name = self.symbols.name(sym);
                        let message = format!("`{name}` stands twice in a pattern; rename one");
                        return self.fail(item, message);
                    }
                }
                Datum::List(_) | Datum::Dotted(..) | Datum::Bracket(_) => {
                    let parts = self.pattern_parts(rules, item)?;
                    stacker::maybe_grow(64 * 1024, 1024 * 1024, || {
                        self.pattern_variables(rules, &parts, depth, depths)
                    })?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn is_wildcard(&self, sym: Sym) -> bool {
        self.symbols.name(self.root(sym)) == "_"
    }

    /// Makes sure that variables have the ellipses they need; `(... template)` is taken as it is.
    fn check_template(
        &self,
        rules: &Rules,
        id: DatumId,
        depths: &FxHashMap<Sym, u32>,
        depth: u32,
        repeats: bool,
    ) -> Result<()> {
        let (items, tail) = match self.data.get(id) {
            Datum::Symbol(sym) => {
                return match depths.get(&sym) {
                    Some(&wanted) if wanted > depth => {
                        let name = self.symbols.name(sym);
                        let message = format!(
                            "`{name}` stands for several data here; an ellipsis must follow it"
                        );
                        self.fail(id, message)
                    }
                    _ if repeats && self.is_ellipsis(rules, id) => {
                        self.fail(id, "an ellipsis follows what it repeats")
                    }
                    _ => Ok(()),
                };
            }
            Datum::List(&[first, escaped]) if repeats && self.is_ellipsis(rules, first) => {
                return self.check_template(rules, escaped, depths, depth, false);
            }
            Datum::List(items) | Datum::Bracket(items) => (items, None),
            Datum::Dotted(items, tail) => (items, Some(tail)),
            _ => return Ok(()),
        };
        let mut at = 0;
        while at < items.len() {
            let item = items[at];
            at += 1;
            let mut ellipses = 0;
            while repeats && at < items.len() && self.is_ellipsis(rules, items[at]) {
                ellipses += 1;
                at += 1;
            }
            if ellipses > 0 && !self.has_repeated(item, depths) {
                return self.fail(item, "nothing in it repeats; remove the ellipsis after it");
            }
            stacker::maybe_grow(64 * 1024, 1024 * 1024, || {
                self.check_template(rules, item, depths, depth + ellipses, repeats)
            })?;
        }
        match tail {
            Some(tail) => self.check_template(rules, tail, depths, depth, repeats),
            None => Ok(()),
        }
    }

    /// Whether a variable that stands for several data is in a template.
    fn has_repeated(&self, id: DatumId, depths: &FxHashMap<Sym, u32>) -> bool {
        self.variables_in(id, &|sym| depths.get(&sym).is_some_and(|&depth| depth > 0))
            .next()
            .is_some()
    }

    /// The names in a datum that are of some kind.
    fn variables_in<'s>(
        &'s self,
        id: DatumId,
        wanted: &'s dyn Fn(Sym) -> bool,
    ) -> impl Iterator<Item = Sym> + 's {
        let mut open = vec![id];
        std::iter::from_fn(move || {
            while let Some(id) = open.pop() {
                match self.data.get(id) {
                    Datum::Symbol(sym) if wanted(sym) => return Some(sym),
                    Datum::List(items) | Datum::Bracket(items) => open.extend(items),
                    Datum::Dotted(items, tail) => {
                        open.extend(items);
                        open.push(tail);
                    }
                    _ => {}
                }
            }
            None
        })
    }

    // ---- use ---------------------------------------------------------------------------------

    /// What the first rule that matches makes of a use.
    pub(super) fn apply_rules(
        &mut self,
        rules: &Rules,
        made_by: MacroId,
        id: DatumId,
        number: u32,
    ) -> Result<DatumId> {
        let this = Use {
            rules,
            made_by,
            number,
            span: self.data.span(id),
            at: id,
        };
        let (items, tail) = self.list_items(id);
        let items = items.get(1..).unwrap_or_default();
        for rule in &rules.all {
            let mut found = Found::default();
            if self.matches_parts(&this, &rule.pattern, items, tail, &mut found)? {
                return self.fill(&this, rule.template, &found, &rule.depths, true);
            }
        }
        self.fail(id, self.no_rule(rules, id))
    }

    fn no_rule(&self, rules: &Rules, id: DatumId) -> String {
        let name = match self.data.get(id) {
            Datum::List([head, ..]) | Datum::Dotted([head, ..], _) => match self.data.get(*head) {
                Datum::Symbol(sym) => self.symbols.name(sym),
                _ => "the macro",
            },
            _ => "the macro",
        };
        let shown = rules.all.iter().take(3).map(|rule| {
            let pattern = self.data.span(rule.whole).text(self.text);
            let words: Vec<&str> = pattern.split_whitespace().collect();
            // The name is as it is used: a pattern may have `_` for it.
            match words.join(" ").strip_prefix("(_") {
                Some(rest) => format!("`({name}{rest}`"),
                None => format!("`{}`", words.join(" ")),
            }
        });
        let shown: Vec<String> = shown.collect();
        let more = if rules.all.len() > 3 { ", …" } else { "" };
        match shown.as_slice() {
            [] => format!("`{name}` has no rules, so it cannot be used"),
            _ => format!(
                "no rule of `{name}` matches; write {}{more}",
                shown.join(" or ")
            ),
        }
    }

    fn matches_parts(
        &mut self,
        this: &Use<'_>,
        parts: &Parts,
        items: &[DatumId],
        tail: Option<DatumId>,
        found: &mut Found,
    ) -> Result<bool> {
        let (first, last) = (parts.before.len(), parts.after.len());
        let fixed = first + last;
        let exact = parts.repeated.is_none() && parts.tail.is_none();
        if items.len() < fixed || (exact && (items.len() > fixed || tail.is_some())) {
            return Ok(false);
        }
        if parts.repeated.is_some() && parts.tail.is_none() && tail.is_some() {
            return Ok(false);
        }
        for (&pattern, &item) in parts.before.iter().zip(items) {
            if !self.matches(this, pattern, item, found)? {
                return Ok(false);
            }
        }
        // Without an ellipsis all that is left belongs to the tail.
        let mut rest = &items[first..];
        if let Some(repeated) = parts.repeated {
            let (many, after) = rest.split_at(rest.len() - last);
            let mut all = Vec::with_capacity(many.len());
            for &item in many {
                let mut one = Found::default();
                if !self.matches(this, repeated, item, &mut one)? {
                    return Ok(false);
                }
                all.push(one);
            }
            let names: Vec<Sym> = self
                .variables_in(repeated, &|sym| !this.rules.literals.contains(&sym))
                .filter(|&sym| !self.is_wildcard(sym) && sym != this.rules.ellipsis)
                .collect();
            for name in names {
                let many = all.iter_mut().filter_map(|one| one.remove(&name)).collect();
                found.insert(name, Bound::Many(many));
            }
            for (&pattern, &item) in parts.after.iter().zip(after) {
                if !self.matches(this, pattern, item, found)? {
                    return Ok(false);
                }
            }
            rest = &[];
        }
        let Some(pattern) = parts.tail else {
            return Ok(true);
        };
        let left = match (rest, tail) {
            ([], Some(tail)) => tail,
            (rest, Some(tail)) => self.data.push(Datum::Dotted(rest, tail), this.span),
            (rest, None) => self.data.push(Datum::List(rest), this.span),
        };
        self.meter(left, this.at)?;
        self.matches(this, pattern, left, found)
    }

    fn matches(
        &mut self,
        this: &Use<'_>,
        pattern: DatumId,
        datum: DatumId,
        found: &mut Found,
    ) -> Result<bool> {
        let data = self.data;
        self.work.set(self.work.get() + 1);
        if self.meter.is_due(1) {
            self.meter(datum, this.at)?;
            self.step(this.at, usize::MAX)?;
        }
        Ok(match (data.get(pattern), data.get(datum)) {
            (Datum::Symbol(literal), other) if this.rules.literals.contains(&literal) => {
                matches!(other, Datum::Symbol(sym)
                    if self.means_literal(sym, literal, this.made_by))
            }
            (Datum::Symbol(name), _) => {
                if !self.is_wildcard(name) {
                    found.insert(name, Bound::One(datum));
                }
                true
            }
            (Datum::List(_) | Datum::Dotted(..), Datum::List(_) | Datum::Dotted(..))
            | (Datum::Bracket(_), Datum::Bracket(_)) => {
                let parts = self.pattern_parts(this.rules, pattern)?;
                let (items, tail) = self.list_items(datum);
                return stacker::maybe_grow(64 * 1024, 1024 * 1024, || {
                    self.matches_parts(this, &parts, &items, tail, found)
                });
            }
            (Datum::Int(a) | Datum::Float(a), Datum::Int(b) | Datum::Float(b)) => a == b,
            (a, b) => a == b,
        })
    }

    /// A template with what the variables stand for; of the rest, names are aliases.
    fn fill(
        &mut self,
        this: &Use<'_>,
        id: DatumId,
        found: &Found,
        depths: &FxHashMap<Sym, u32>,
        repeats: bool,
    ) -> Result<DatumId> {
        let data = self.data;
        let (items, tail) = match data.get(id) {
            Datum::Symbol(sym) => {
                return Ok(match found.get(&sym) {
                    Some(Bound::One(datum)) => *datum,
                    // No data under it, for the ellipsis that goes over it: see `check_template`.
                    Some(Bound::Many(_)) => return self.fail(this.at, "a macro repeats in vain"),
                    None => {
                        let alias = self.alias(sym, this.made_by, this.number);
                        data.push(Datum::Symbol(alias), this.span)
                    }
                });
            }
            Datum::List(&[first, escaped]) if repeats && self.is_ellipsis(this.rules, first) => {
                return self.fill(this, escaped, found, depths, false);
            }
            Datum::List(items) | Datum::Bracket(items) => (items, None),
            Datum::Dotted(items, tail) => (items, Some(tail)),
            atom => return Ok(data.push(atom, this.span)),
        };
        let filled = stacker::maybe_grow(64 * 1024, 1024 * 1024, || {
            self.fill_items(this, items, found, depths, repeats)
        })?;
        let tail = match tail {
            Some(tail) => Some(self.fill(this, tail, found, depths, repeats)?),
            None => None,
        };
        let new = match (data.get(id), tail) {
            (Datum::Bracket(_), _) => Datum::Bracket(&filled),
            // What stands after the dot may have become a list.
            (_, Some(tail)) => {
                let joined = self.joined(filled, tail, this.span);
                self.meter(joined, this.at)?;
                return Ok(joined);
            }
            _ => Datum::List(&filled),
        };
        let new = data.push(new, this.span);
        self.meter(new, this.at)?;
        Ok(new)
    }

    /// A list of items and what stands after the dot: `(a . (b c))` is `(a b c)`.
    fn joined(&mut self, mut items: Vec<DatumId>, tail: DatumId, span: Span) -> DatumId {
        let data = self.data;
        match data.get(tail) {
            Datum::List(more) => {
                items.extend(more);
                data.push(Datum::List(&items), span)
            }
            Datum::Dotted(more, tail) => {
                items.extend(more);
                data.push(Datum::Dotted(&items, tail), span)
            }
            _ if items.is_empty() => tail,
            _ => data.push(Datum::Dotted(&items, tail), span),
        }
    }

    fn fill_items(
        &mut self,
        this: &Use<'_>,
        items: &[DatumId],
        found: &Found,
        depths: &FxHashMap<Sym, u32>,
        repeats: bool,
    ) -> Result<Vec<DatumId>> {
        let mut filled = Vec::with_capacity(items.len());
        let mut at = 0;
        while at < items.len() {
            let item = items[at];
            at += 1;
            let mut ellipses = 0;
            while repeats && at < items.len() && self.is_ellipsis(this.rules, items[at]) {
                ellipses += 1;
                at += 1;
            }
            if ellipses == 0 {
                filled.push(self.fill(this, item, found, depths, repeats)?);
            } else {
                self.repeat(this, item, ellipses, found, depths, &mut filled)?;
            }
        }
        Ok(filled)
    }

    /// A template for each of what its variables stand for; several ellipses give one flat list.
    fn repeat(
        &mut self,
        this: &Use<'_>,
        item: DatumId,
        ellipses: u32,
        found: &Found,
        depths: &FxHashMap<Sym, u32>,
        filled: &mut Vec<DatumId>,
    ) -> Result<()> {
        let names: FxHashSet<Sym> = self
            .variables_in(item, &|sym| found.contains_key(&sym))
            .collect();
        let mut count = None;
        for name in &names {
            if let Some(Bound::Many(many)) = found.get(name) {
                if count.is_some_and(|count| count != many.len()) {
                    let message = "parts that are repeated together are of different lengths";
                    return self.fail(this.at, message);
                }
                count = Some(many.len());
            }
        }
        let Some(count) = count else {
            return self.fail(this.at, "an ellipsis of the macro has nothing to repeat");
        };
        for index in 0..count {
            let mut one = Found::default();
            for &name in &names {
                let bound = match &found[&name] {
                    Bound::Many(many) => many[index].clone(),
                    bound @ Bound::One(_) => bound.clone(),
                };
                one.insert(name, bound);
            }
            if ellipses > 1 {
                self.repeat(this, item, ellipses - 1, &one, depths, filled)?;
            } else {
                filled.push(self.fill(this, item, &one, depths, true)?);
            }
            self.meter(this.at, this.at)?;
        }
        Ok(())
    }
}

impl<'a> Expander<'a> {
    /// The items of a list, and what ends it if that is not the empty list: `(a . (b . c))` is
    /// `(a b . c)`.
    fn list_items(&self, id: DatumId) -> (Cow<'a, [DatumId]>, Option<DatumId>) {
        let data = self.data;
        let (items, mut tail) = match data.get(id) {
            Datum::List(items) | Datum::Bracket(items) => return (items.into(), None),
            Datum::Dotted(items, tail) => (items, tail),
            _ => return ((&[][..]).into(), None),
        };
        let mut items: Cow<'a, [DatumId]> = items.into();
        loop {
            match data.get(tail) {
                Datum::List(more) => {
                    items.to_mut().extend(more);
                    return (items, None);
                }
                Datum::Dotted(more, end) => {
                    items.to_mut().extend(more);
                    tail = end;
                }
                _ => return (items, Some(tail)),
            }
        }
    }
}
