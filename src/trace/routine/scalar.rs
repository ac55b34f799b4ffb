//! Replay of one lane.
//!
//! A [`Routine`] and inputs go in; results are in the [`File`] afterwards, unless a guard fails.
//!
//! **Invariants**
//! - A guard is checked before anything that comes after it in the trace.
//! - Slots are read and written unchecked, by the contract of [`super`]; [`File::prepare`] makes files
//!   as long as that asks.

use super::blocks::{OneFile, Scratch};
use super::encode::{Coded, codes};
use super::folds;
use super::{Identity, Place, Routine};
use crate::prim::Prim;
use crate::prim::math;

/// Fewer inputs are written one by one.
const SHORT: usize = 32;

/// A guard that does not hold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Failed {
    /// Which guard of the trace.
    pub(crate) guard: u32,
    /// What the number was.
    pub(crate) value: f64,
}

/// The numbers of a routine while it runs, in memory to be used again.
#[derive(Clone, Debug, Default)]
pub(crate) struct File {
    /// Whose constants are there.
    routine: Option<Identity>,
    pub(super) shared: Vec<f64>,
    lane: Vec<f64>,
    /// What loops keep of their iterations.
    tape: Vec<f64>,
    pub(super) scratch: Scratch,
}

impl File {
    fn prepare(&mut self, routine: &Routine) {
        if self.routine.as_ref() == Some(&routine.identity) {
            return;
        }
        self.shared.clear();
        self.shared.extend_from_slice(&routine.constants);
        self.shared.resize(routine.shared_slots as usize, 0.0);
        // There are no guards before lanes.
        let _ = routine.run_code(&routine.before, &mut self.shared, &[], &mut self.scratch);
        self.lane.clear();
        self.lane.resize(routine.lane_slots as usize, 0.0);
        for (slot, &from) in self.lane.iter_mut().zip(&routine.imports) {
            *slot = self.shared[from as usize];
        }
        self.routine = Some(routine.identity.clone());
    }

    /// A lane's numbers, a tape of the length given, and scratch.
    pub(super) fn with_tape(&mut self, length: usize) -> (&mut [f64], &mut [f64], &mut Scratch) {
        self.tape.resize(length, 0.0);
        (&mut self.lane, &mut self.tape, &mut self.scratch)
    }

    /// A result.
    #[inline]
    pub(crate) fn at(&self, place: Place) -> f64 {
        match place {
            Place::Lane(slot) => self.lane[slot as usize],
            Place::Shared(slot) => self.shared[slot as usize],
        }
    }
}

impl Routine {
    /// Runs the code of one lane whose inputs are all its own.
    pub(crate) fn run(&self, inputs: &[f64], file: &mut File) -> Result<(), Failed> {
        self.run_until(inputs, file, &|| false)
    }

    /// The same; gives up, with the guard [`LATE`](super::LATE), where a long run is late.
    pub(crate) fn run_until(
        &self,
        inputs: &[f64],
        file: &mut File,
        late: &dyn Fn() -> bool,
    ) -> Result<(), Failed> {
        debug_assert!(self.shared_inputs.is_empty() && self.sums.is_empty());
        file.prepare(self);
        for &(input, slot, count) in &self.input_runs {
            let (input, slot, count) = (input as usize, slot as usize, count as usize);
            let to = &mut file.lane[slot..slot + count];
            if count < SHORT {
                let from = &inputs[input..input + count];
                to.iter_mut().zip(from).for_each(|(to, &x)| *to = x);
            } else {
                to.copy_from_slice(&inputs[input..input + count]);
            }
        }
        if let Some(rolled) = &self.rolled {
            return self.run_rolled(rolled, inputs, file, late);
        }
        let File {
            lane,
            shared,
            scratch,
            ..
        } = file;
        self.run_code(&self.one, lane, shared, scratch)
    }

    /// Runs code on a file of single numbers; blocks may read from the shared file besides.
    pub(super) fn run_code(
        &self,
        code: &[Coded],
        file: &mut [f64],
        shared: &[f64],
        scratch: &mut Scratch,
    ) -> Result<(), Failed> {
        #[cfg(target_arch = "x86_64")]
        if math::Cpu::detect() != math::Cpu::Baseline {
            // SAFETY: point 6: the processor was found to have what the function needs.
            return unsafe { self.run_code_avx2(code, file, shared, scratch) };
        }
        self.run_code_on(code, file, shared, scratch)
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    fn run_code_avx2(
        &self,
        code: &[Coded],
        file: &mut [f64],
        shared: &[f64],
        scratch: &mut Scratch,
    ) -> Result<(), Failed> {
        self.run_code_on(code, file, shared, scratch)
    }

    #[inline(always)]
    #[allow(
        clippy::inline_always,
        reason = "compiled for several kinds of processor"
    )]
    fn run_code_on(
        &self,
        code: &[Coded],
        file: &mut [f64],
        shared: &[f64],
        scratch: &mut Scratch,
    ) -> Result<(), Failed> {
        let length = file.len();
        let numbers = file.as_mut_ptr();
        let get = |slot: u32| {
            debug_assert!((slot as usize) < length, "slot {slot} of {length}");
            // SAFETY: points 1, 2 and 5: the slot is within the file, and filled.
            unsafe { *numbers.add(slot as usize) }
        };
        let set = |slot: u32, x: f64| {
            debug_assert!((slot as usize) < length, "slot {slot} of {length}");
            // SAFETY: points 1 and 2: the slot is within the file.
            unsafe { *numbers.add(slot as usize) = x }
        };
        // The result of the instruction before, which often is an operand: in a register it is there
        // at once, by way of memory some cycles later.
        let mut last = 0.0;
        for &Coded { code, d, a, b, c } in code {
            macro_rules! run {
                ($(two $two:ident($x:ident, $y:ident) $by2:expr;)*
                 $(three $three:ident($p:ident, $q:ident, $r:ident) $by3:expr;)*
                 $(other $code:path => $other:block)*) => {
                    match code {
                        $(
                            codes::$two::NEITHER => { let ($x, $y) = (get(a), get(b)); last = $by2; set(d, last); }
                            codes::$two::A => { let ($x, $y) = (last, get(b)); last = $by2; set(d, last); }
                            codes::$two::B => { let ($x, $y) = (get(a), last); last = $by2; set(d, last); }
                        )*
                        $(
                            codes::$three::NEITHER => { let ($p, $q, $r) = (get(a), get(b), get(c)); last = $by3; set(d, last); }
                            codes::$three::A => { let ($p, $q, $r) = (last, get(b), get(c)); last = $by3; set(d, last); }
                            codes::$three::B => { let ($p, $q, $r) = (get(a), last, get(c)); last = $by3; set(d, last); }
                            codes::$three::C => { let ($p, $q, $r) = (get(a), get(b), last); last = $by3; set(d, last); }
                        )*
                        $($code => $other)*
                        // Sums are over lanes, of which there are several.
                        code => debug_assert!(false, "one lane has no use for the code {code}"),
                    }
                };
            }
            run! {
                two add(x, y) x + y;
                two sub(x, y) x - y;
                two mul(x, y) x * y;
                two div(x, y) x / y;
                three add_add(x, y, z) (x + y) + z;
                three add_sub(x, y, z) (x + y) - z;
                three add_from(x, y, z) z - (x + y);
                three add_mul(x, y, z) (x + y) * z;
                three sub_add(x, y, z) (x - y) + z;
                three sub_sub(x, y, z) (x - y) - z;
                three sub_from(x, y, z) z - (x - y);
                three sub_mul(x, y, z) (x - y) * z;
                three mul_add(x, y, z) x * y + z;
                three mul_sub(x, y, z) x * y - z;
                three mul_from(x, y, z) z - x * y;
                three mul_mul(x, y, z) (x * y) * z;
                three mul_div(x, y, z) (x * y) / z;
                other codes::NEG => {
                    last = -get(a);
                    set(d, last);
                }
                other codes::SELECT => {
                    last = if get(c) == 0.0 { get(b) } else { get(a) };
                    set(d, last);
                }
                other codes::SIN_COS => {
                    let (sin, cos) = math::sin_cos(get(a));
                    set(d, sin);
                    set(b, cos);
                }
                other codes::EXP => {
                    last = math::exp(get(a));
                    set(d, last);
                }
                other codes::LN => {
                    last = math::ln(get(a));
                    set(d, last);
                }
                other codes::ROW => {
                    last = Prim::ALL[c as usize].forward(get(a), get(b));
                    set(d, last);
                }
                other codes::GUARD => {
                    let value = get(a);
                    if value != self.expected[b as usize] {
                        begin_at_a_page();
                        return Err(Failed { guard: b, value });
                    }
                }
                other codes::MANY => {
                    let file = OneFile { start: numbers, length };
                    self.run_many(a, b, file);
                }
                other codes::BLOCK => {
                    let block = &self.blocks[a as usize];
                    let file = OneFile { start: numbers, length };
                    block.run_one(file, shared, scratch);
                }
            }
        }
        Ok(())
    }
}

impl Routine {
    /// Does what is done many at a time, or sums side by side where `is_fold` is not 0. Both have one code:
    /// the loop above loses speed by each that it has.
    #[inline(never)]
    fn run_many(&self, which: u32, is_fold: u32, file: OneFile) {
        if is_fold == 0 {
            self.many[which as usize].run(file, math::Cpu::detect());
        } else {
            let all = file.numbers_mut(0, file.length);
            folds::run(&self.folds[which as usize], all);
        }
    }
}

/// Has the function that this is inlined in begin at a page, wherever in it this stands.
///
/// Where the loop above comes to lie decides how well the processor foretells its jumps, which have to
/// begin lines of 64 bytes and to stay in one page: the same instructions took up to 1.8 times as long,
/// build by build. A function has a section to itself, and that takes the largest alignment asked for
/// in it.
#[inline(always)]
#[allow(
    clippy::inline_always,
    reason = "it speaks of the function that it is inlined in"
)]
fn begin_at_a_page() {
    // Miri has no assembler.
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: it tells the assembler to fill up with instructions that do nothing.
    unsafe {
        std::arch::asm!(".p2align 12", options(nomem, nostack, preserves_flags));
    }
}
