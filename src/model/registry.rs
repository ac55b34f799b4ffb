//! Named models that are swapped while they run.
//!
//! A name and a [`Model`] go in, a [`Handle`] comes out; the handle gives the model, or the one that
//! was swapped in for it since.
//!
//! **Invariants**
//! - Readers never wait, neither for writers nor for one another: what they read is swapped whole.
//! - Writers wait for one another, so a model comes out once only: of the swap that put another in its
//!   place, or of the removal.
//! - A model that was got is unaffected by what the registry does afterwards, and no evaluation mixes
//!   two models.
//! - A handle whose model was removed gives an error, also when its place is used again, and so does a
//!   handle of another registry: never another model.
//!
//! The table of places is copied by whoever inserts or removes, and each place holds a pointer of its
//! own to its model. So a swap, which is what happens while models run, costs the same however many
//! models there are; inserting and removing cost a pointer's copy for each. One table with the models
//! in it would be simpler, and would make swaps cost that too.

use super::callees::Callees;
use crate::model::Model;
use crate::threads::lock;
use arc_swap::{ArcSwap, ArcSwapOption};
use rustc_hash::{FxHashMap, FxHashSet};
use slotmap::{SecondaryMap, SlotMap, new_key_type};
use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard};

new_key_type! {
    /// A place in one registry's table, of one generation.
    struct Key;
}

/// What a [`Registry`] gives for a model; it stays the same when another model is swapped in.
///
/// A place counts its generations, so a handle stays stale when the place is used again. Only after
/// 2^31 models in one place would the count come round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Handle {
    key: Key,
    registry: u64,
}

/// Why a handle gives no model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// The model was removed.
    #[error("{}", stale(name.as_deref()))]
    Stale {
        /// The model's name; none when another model has been removed from the same place since.
        name: Option<String>,
    },
    /// The models that it calls cannot be called: they call one another in a circle, or one of them is
    /// compiled.
    #[error("the model `{name}` cannot be linked with those that it calls: {why}")]
    Unlinked {
        /// The model's name.
        name: String,
        /// What is wrong.
        why: String,
    },
    /// The handle was given by another registry.
    #[error(
        "the handle is of another registry; use it there, or insert the model here and use the new \
         handle"
    )]
    OtherRegistry,
}

fn stale(name: Option<&str>) -> String {
    match name {
        Some(name) => format!(
            "the handle of `{name}` is stale: that model was removed; insert it again and use the \
             new handle"
        ),
        None => {
            "the handle is stale: its model was removed, and so was another in its place since; \
                 insert the model again and use the new handle"
                .to_owned()
        }
    }
}

/// Named models that are swapped while they run. A clone is the same registry.
///
/// ```
/// use dmci::{Bindings, Interpreter, Registry, Workspace};
///
/// let interpreter = Interpreter::embedded();
/// let registry = Registry::new();
/// let h = registry.insert("decay", interpreter.model("(* a (exp (* -0.8 x)))")?);
/// let running = registry.get(h)?;
///
/// let old = registry.swap(h, interpreter.model("(/ a (+ 1.0 x))")?)?;
/// let inputs = Bindings::from([("a", 3.0), ("x", 2.0)]);
/// let y = registry.get(h)?.value(&inputs, &mut Workspace::new())?;
/// assert_eq!(y.number(), Some(1.0));
/// // Whoever was running the old model goes on with it.
/// assert_eq!(running.text(), old.text());
/// # Ok::<(), dmci::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Registry {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// What tells this registry's handles from those of others: 64 random bits. A counter would be
    /// global state; the address of this would be another registry's once this one is gone.
    id: u64,
    table: ArcSwap<Table>,
    /// Counts what is written: odd while a swap is under way.
    version: AtomicU64,
    /// Held by whoever writes. Without it, a swap and a removal could both give out one old model.
    writing: Mutex<()>,
}

#[derive(Clone, Debug, Default)]
struct Table {
    places: SlotMap<Key, Arc<Place>>,
    /// The names of removed models, for errors: the last one of each place, so that they do not
    /// grow without end.
    removed: SecondaryMap<Key, Arc<str>>,
    /// The place of the newest model of each name.
    newest: FxHashMap<Arc<str>, Key>,
    /// How many models were ever inserted.
    inserted: u64,
}

#[derive(Debug)]
struct Place {
    name: Arc<str>,
    /// How many models were inserted before this one: keys are not in that order.
    order: u64,
    model: ArcSwap<Model>,
    /// The model linked with those that it calls, if it calls any, as they were not long ago.
    linked: ArcSwapOption<Linked>,
}

/// A model that calls others, linked with them.
#[derive(Debug)]
struct Linked {
    /// The registry's version that it is of; no odd one.
    version: AtomicU64,
    /// The model as it was put there.
    plain: Arc<Model>,
    /// What it was linked with: places, none where there was no model of a name, and their models.
    with: Seen,
    model: Model,
}

/// What a model calls, itself and through others, as it was at one moment, by the names.
#[derive(Debug, Default)]
struct Seen {
    names: Vec<Arc<str>>,
    models: Vec<Option<Arc<Model>>>,
}

impl Seen {
    fn is_same(&self, other: &Self) -> bool {
        let same = |(a, b): (&Option<Arc<Model>>, &Option<Arc<Model>>)| match (a, b) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (None, None) => true,
            _ => false,
        };
        self.names == other.names && self.models.iter().zip(&other.models).all(same)
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

impl Registry {
    /// A registry without models.
    pub fn new() -> Self {
        Self {
            shared: Arc::new(Shared {
                id: RandomState::new().hash_one(()),
                table: ArcSwap::default(),
                version: AtomicU64::new(0),
                writing: Mutex::default(),
            }),
        }
    }

    /// Adds a model. Names need not differ: [`Registry::find`] gives the newest model of a name, and
    /// the handles of older ones go on giving those.
    pub fn insert(&self, name: impl Into<String>, model: Model) -> Handle {
        let name: Arc<str> = name.into().into();
        let _writing = self.write();
        let mut table = Table::clone(&self.shared.table.load());
        let key = table.places.insert(Arc::new(Place {
            name: name.clone(),
            order: table.inserted,
            model: ArcSwap::from_pointee(model),
            linked: ArcSwapOption::empty(),
        }));
        table.newest.insert(name, key);
        table.inserted += 1;
        self.change(|| self.shared.table.store(Arc::new(table)));
        self.handle(key)
    }

    /// The model that a handle stands for now. It is not changed by later swaps: who evaluates in a
    /// loop and wants them asks again each time, which costs no more than a few atomic operations.
    ///
    /// A model that calls others by their names (`(model "decay" x)`) comes linked with those that there
    /// are now, all of one moment; when one of them was changed since the model was got last, it is
    /// prepared anew, with paths of its own. A name that there is no model of is an error of the
    /// evaluations that reach it.
    ///
    /// ```
    /// use dmci::{Bindings, Interpreter, Registry, Workspace};
    ///
    /// let interpreter = Interpreter::embedded();
    /// let registry = Registry::new();
    /// let h = registry.insert("twice", interpreter.model("(* 2.0 (model \"law\" x))")?);
    /// let law = registry.insert("law", interpreter.model("(+ x 1.0)")?);
    /// let inputs = Bindings::from([("x", 3.0)]);
    /// let value = || registry.get(h)?.value(&inputs, &mut Workspace::new());
    /// assert_eq!(value()?.number(), Some(8.0));
    /// registry.swap(law, interpreter.model("(* x x)")?)?;
    /// assert_eq!(value()?.number(), Some(18.0));
    /// # Ok::<(), dmci::Error>(())
    /// ```
    ///
    /// # Errors
    /// When the model was removed, or the handle is of another registry; and when the models that it calls
    /// call one another in a circle, or one of them is a compiled program.
    pub fn get(&self, handle: Handle) -> Result<Model, RegistryError> {
        let table = self.shared.table.load();
        let place = self.place(&table, handle)?;
        let model = place.model.load();
        if model.calls().is_empty() {
            return Ok(Model::clone(&model));
        }
        self.linked(place)
    }

    /// The model of a place linked with those that it calls.
    fn linked(&self, place: &Place) -> Result<Model, RegistryError> {
        let version = &self.shared.version;
        let known = place.linked.load();
        if let Some(known) = &*known
            && known.version.load(Ordering::SeqCst) == version.load(Ordering::SeqCst)
        {
            return Ok(known.model.clone());
        }
        let (at, (plain, with)) = self.of_one_moment(|table| {
            let plain = place.model.load_full();
            let seen = Self::seen(table, plain.calls());
            (plain, seen)
        });
        // While a swap is under way its model may have been seen or not.
        let at = if at % 2 == 0 { at } else { u64::MAX };
        if let Some(known) = &*known
            && Arc::ptr_eq(&known.plain, &plain)
            && known.with.is_same(&with)
        {
            known.version.store(at, Ordering::SeqCst);
            return Ok(known.model.clone());
        }
        let callees = Arc::new(self.callees_of(&with));
        let model = plain.linked_with(callees, &place.name);
        let model = model.map_err(|error| RegistryError::Unlinked {
            name: place.name.to_string(),
            why: error.to_string(),
        })?;
        place.linked.store(Some(Arc::new(Linked {
            version: AtomicU64::new(at),
            plain,
            with,
            model: model.clone(),
        })));
        Ok(model)
    }

    /// What a reader sees of one state of the registry, and the version of that. Where something is written
    /// meanwhile, it looks again.
    fn of_one_moment<T>(&self, look: impl Fn(&Table) -> T) -> (u64, T) {
        // Writers write one place each, between two versions: while the version stays, no two changes can
        // be seen in part.
        loop {
            let before = self.shared.version.load(Ordering::SeqCst);
            let seen = look(&self.shared.table.load());
            fence(Ordering::SeqCst);
            if self.shared.version.load(Ordering::SeqCst) == before {
                return (before, seen);
            }
        }
    }

    /// The newest models of some names, and of all that these call.
    fn seen(table: &Table, names: &[Arc<str>]) -> Seen {
        let mut seen = Seen::default();
        let mut met: FxHashSet<Arc<str>> = FxHashSet::default();
        let mut open: VecDeque<Arc<str>> = names.iter().cloned().collect();
        while let Some(name) = open.pop_front() {
            if !met.insert(name.clone()) {
                continue;
            }
            let newest = table.newest.get(&name);
            let model = newest.map(|&key| table.places[key].model.load_full());
            if let Some(model) = &model {
                open.extend(model.calls().iter().cloned());
            }
            seen.names.push(name);
            seen.models.push(model);
        }
        seen
    }

    fn callees_of(&self, seen: &Seen) -> Callees {
        let all = seen.names.iter().zip(&seen.models);
        let found =
            all.filter_map(|(name, model)| Some((name.clone(), Model::clone(model.as_ref()?))));
        let found: FxHashMap<Arc<str>, Model> = found.collect();
        let names = if found.len() == seen.names.len() {
            Vec::new()
        } else {
            self.handles().into_iter().map(|(_, name)| name).collect()
        };
        Callees { found, names }
    }

    /// The models of some names, and of all that these call, as they are at one moment.
    pub(super) fn callees(&self, names: &[Arc<str>]) -> Arc<Callees> {
        let (_, seen) = self.of_one_moment(|table| Self::seen(table, names));
        Arc::new(self.callees_of(&seen))
    }

    /// Writes, with the lock held.
    fn change<T>(&self, write: impl FnOnce() -> T) -> T {
        self.shared.version.fetch_add(1, Ordering::SeqCst);
        let written = write();
        self.shared.version.fetch_add(1, Ordering::SeqCst);
        written
    }

    /// Puts another model in a model's place, and gives the old one. Handle and name stay.
    ///
    /// The new model may want other inputs. Bindings go by name, so a binding that it does not read is
    /// ignored, and one that it lacks is an error of the evaluations that reach it. Who wants the
    /// inputs to be the same compares [`Model::inputs`] first.
    ///
    /// # Errors
    /// When the model was removed, or the handle is of another registry; `model` is dropped.
    pub fn swap(&self, handle: Handle, model: Model) -> Result<Model, RegistryError> {
        let model = Arc::new(model);
        let _writing = self.write();
        let table = self.shared.table.load();
        let place = self.place(&table, handle)?;
        let old = self.change(|| place.model.swap(model));
        Ok(Model::clone(&old))
    }

    /// Takes a model out, and gives it. Its handle is stale from then on.
    ///
    /// # Errors
    /// When the model was removed before, or the handle is of another registry.
    pub fn remove(&self, handle: Handle) -> Result<Model, RegistryError> {
        let _writing = self.write();
        let table = self.shared.table.load();
        let place = self.place(&table, handle)?;
        let mut rest = Table::clone(&table);
        rest.places.remove(handle.key);
        rest.removed.insert(handle.key, place.name.clone());
        if rest.newest.get(&place.name) == Some(&handle.key) {
            let others = rest.places.iter().filter(|(_, p)| p.name == place.name);
            match others.max_by_key(|(_, other)| other.order) {
                Some((key, _)) => rest.newest.insert(place.name.clone(), key),
                None => rest.newest.remove(&place.name),
            };
        }
        self.change(|| self.shared.table.store(Arc::new(rest)));
        Ok(Model::clone(&place.model.load()))
    }

    /// The handle of the newest model of a name.
    pub fn find(&self, name: &str) -> Option<Handle> {
        let table = self.shared.table.load();
        table.newest.get(name).map(|&key| self.handle(key))
    }

    /// The name under which a model was inserted.
    ///
    /// # Errors
    /// When the model was removed, or the handle is of another registry.
    pub fn name(&self, handle: Handle) -> Result<String, RegistryError> {
        let table = self.shared.table.load();
        let place = self.place(&table, handle)?;
        Ok(place.name.to_string())
    }

    /// How many models there are.
    pub fn len(&self) -> usize {
        self.shared.table.load().places.len()
    }

    /// Whether there are no models.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All handles with their names, in the order of their insertion: those of one moment, whatever
    /// is inserted and removed meanwhile.
    pub fn handles(&self) -> Vec<(Handle, String)> {
        let table = self.shared.table.load();
        let mut places: Vec<(Key, &Arc<Place>)> = table.places.iter().collect();
        places.sort_unstable_by_key(|(_, place)| place.order);
        let handles = places.into_iter();
        handles
            .map(|(key, place)| (self.handle(key), place.name.to_string()))
            .collect()
    }

    fn handle(&self, key: Key) -> Handle {
        Handle {
            key,
            registry: self.shared.id,
        }
    }

    fn place<'t>(&self, table: &'t Table, handle: Handle) -> Result<&'t Place, RegistryError> {
        if handle.registry != self.shared.id {
            return Err(RegistryError::OtherRegistry);
        }
        let place = table.places.get(handle.key);
        place.map(Arc::as_ref).ok_or_else(|| RegistryError::Stale {
            name: table.removed.get(handle.key).map(ToString::to_string),
        })
    }

    /// Waits for other writers. A panic under the lock leaves nothing half-done, since tables are
    /// stored whole.
    fn write(&self) -> MutexGuard<'_, ()> {
        lock(&self.shared.writing)
    }
}
