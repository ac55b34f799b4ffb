//! Fits: a program's params to columns of numbers.

use crate::argument::{given, items, text, texts};
use crate::evaluator::threads_of;
use crate::fault::{Fault, Place, answer, c_text, make};
use crate::interpreter::Interpreter;
use crate::limits::Limits;
use crate::model::mode_of;
use dmci::fit::{FitOptions as EngineOptions, FittedParam, Table, fit};
use dmci::{Bindings, Mode};
use std::ffi::{CString, c_char, c_int};
use std::mem::MaybeUninit;

#[derive(Clone, Default)]
pub(crate) struct Options {
    search: EngineOptions,
    mode: Mode,
    limits: Option<Limits>,
}

pub(crate) struct Fit {
    fit: dmci::fit::Fit,
    names: Vec<CString>,
}

#[unsafe(no_mangle)]
extern "C" fn dmci_fit_options_new(place: Place<'_, Options>) -> c_int {
    make(place, || Ok(Options::default()))
}

fn change(
    options: Option<&mut Options>,
    change: impl FnOnce(&mut Options) -> Result<(), Fault>,
) -> c_int {
    answer(|| change(given(options, "the options")?))
}

/// A count that must not be 0.
fn positive(count: usize, what: &str) -> Result<usize, Fault> {
    if count == 0 {
        return Err(Fault::usage(format!(
            "{what} are none; 1 or more are needed"
        )));
    }
    Ok(count)
}

#[unsafe(no_mangle)]
extern "C" fn dmci_fit_options_starts(options: Option<&mut Options>, starts: usize) -> c_int {
    change(options, |options| {
        options.search.starts = positive(starts, "the starts")?;
        Ok(())
    })
}

#[unsafe(no_mangle)]
extern "C" fn dmci_fit_options_all_starts(options: Option<&mut Options>, all: c_int) -> c_int {
    change(options, |options| {
        options.search.all_starts = all != 0;
        Ok(())
    })
}

#[unsafe(no_mangle)]
extern "C" fn dmci_fit_options_seed(options: Option<&mut Options>, seed: usize) -> c_int {
    change(options, |options| {
        options.search.seed = seed as u64;
        Ok(())
    })
}

#[unsafe(no_mangle)]
extern "C" fn dmci_fit_options_steps(options: Option<&mut Options>, steps: usize) -> c_int {
    change(options, |options| {
        options.search.max_iterations = positive(steps, "the steps")?;
        Ok(())
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn dmci_fit_options_initial(
    options: Option<&mut Options>,
    name: *const c_char,
    value: f64,
) -> c_int {
    change(options, |options| {
        // SAFETY: the header asks for a text.
        let name = unsafe { text(name, "the name") }?;
        let init = &mut options.search.init;
        match init.iter_mut().find(|(other, _)| other == name) {
            Some((_, known)) => *known = value,
            None => init.push((name.to_owned(), value)),
        }
        Ok(())
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn dmci_fit_options_target(
    options: Option<&mut Options>,
    column: *const c_char,
) -> c_int {
    change(options, |options| {
        // SAFETY: the header asks for a text.
        let column = unsafe { text(column, "the column") }?;
        options.search.target = Some(column.to_owned());
        Ok(())
    })
}

#[unsafe(no_mangle)]
extern "C" fn dmci_fit_options_mode(options: Option<&mut Options>, mode: c_int) -> c_int {
    change(options, |options| {
        options.mode = mode_of(mode)?;
        Ok(())
    })
}

#[unsafe(no_mangle)]
extern "C" fn dmci_fit_options_limits(
    options: Option<&mut Options>,
    limits: Option<&Limits>,
) -> c_int {
    change(options, |options| {
        options.limits = limits.cloned();
        Ok(())
    })
}

#[unsafe(no_mangle)]
extern "C" fn dmci_fit_options_threads(options: Option<&mut Options>, threads: usize) -> c_int {
    change(options, |options| {
        options.search.threads = threads_of(threads);
        Ok(())
    })
}

#[unsafe(no_mangle)]
extern "C" fn dmci_fit_options_free(options: Option<Box<Options>>) {
    drop(options);
}

#[unsafe(no_mangle)]
unsafe extern "C" fn dmci_fit_new(
    interpreter: Option<&Interpreter>,
    program: *const c_char,
    names: *const *const c_char,
    columns: *const *const f64,
    columns_count: usize,
    rows: usize,
    options: Option<&Options>,
    place: Place<'_, Fit>,
) -> c_int {
    make(place, || {
        let interpreter = &given(interpreter, "the interpreter")?.interpreter;
        // SAFETY: the header asks for a text, for as many names, and for as many pointers to as many
        // numbers as there are rows.
        let (program, names, columns) = unsafe {
            let columns = items(columns, columns_count, "the columns")?
                .iter()
                .enumerate();
            (
                text(program, "the program")?,
                texts(names, columns_count, "the names")?,
                columns
                    .map(|(index, &column)| items(column, rows, &format!("column {index}")))
                    .collect::<Result<Vec<&[f64]>, Fault>>()?,
            )
        };
        let table = Table::from_columns(names.into_iter().zip(columns));
        let table = table.map_err(|error| Fault::request(error.to_string()))?;
        let default = Options::default();
        let Options {
            search,
            mode,
            limits,
        } = options.unwrap_or(&default);
        let mut options = search.clone();
        options.limits = Limits::from_now(limits.as_ref());
        let model = interpreter
            .model_for(program, &Bindings::new(), *mode)
            .map_err(|error| Fault::of(&error, program))?;
        let fit = fit(&model, &table, &options).map_err(|error| Fault::of_fit(&error, program))?;
        Ok(Fit {
            names: fit.params.iter().map(|param| c_text(&param.name)).collect(),
            fit,
        })
    })
}

fn param(fit: Option<&Fit>, index: usize) -> Option<(&FittedParam, &CString)> {
    let fit = fit?;
    fit.fit.params.get(index).zip(fit.names.get(index))
}

#[unsafe(no_mangle)]
extern "C" fn dmci_fit_param_count(fit: Option<&Fit>) -> usize {
    fit.map_or(0, |fit| fit.names.len())
}

#[unsafe(no_mangle)]
extern "C" fn dmci_fit_param(
    fit: Option<&Fit>,
    index: usize,
    name: Option<&mut MaybeUninit<*const c_char>>,
    estimate: Option<&mut MaybeUninit<f64>>,
    std_err: Option<&mut MaybeUninit<f64>>,
    low: Option<&mut MaybeUninit<f64>>,
    high: Option<&mut MaybeUninit<f64>>,
) -> c_int {
    answer(|| {
        let fit = given(fit, "the fit")?;
        let Some((param, c_name)) = param(Some(fit), index) else {
            let count = fit.names.len();
            return Err(Fault::usage(format!("param {index} of {count}, from 0")));
        };
        if let Some(name) = name {
            name.write(c_name.as_ptr());
        }
        let numbers = [
            (estimate, param.estimate),
            (std_err, param.std_err),
            (low, param.low),
            (high, param.high),
        ];
        for (place, number) in numbers {
            if let Some(place) = place {
                place.write(number);
            }
        }
        Ok(())
    })
}

/// Whether a param is among those of a list.
fn is_among(fit: Option<&Fit>, index: usize, list: impl Fn(&dmci::fit::Fit) -> &[String]) -> c_int {
    let is_among = |fit: &Fit| {
        let param = fit.fit.params.get(index);
        param.is_some_and(|param| list(&fit.fit).contains(&param.name))
    };
    c_int::from(fit.is_some_and(is_among))
}

#[unsafe(no_mangle)]
extern "C" fn dmci_fit_is_undetermined(fit: Option<&Fit>, index: usize) -> c_int {
    is_among(fit, index, |fit| &fit.undetermined)
}

#[unsafe(no_mangle)]
extern "C" fn dmci_fit_is_at_edge(fit: Option<&Fit>, index: usize) -> c_int {
    is_among(fit, index, |fit| &fit.at_edge)
}

#[unsafe(no_mangle)]
extern "C" fn dmci_fit_sse(fit: Option<&Fit>) -> f64 {
    fit.map_or(f64::NAN, |fit| fit.fit.sse)
}

#[unsafe(no_mangle)]
extern "C" fn dmci_fit_residual_sd(fit: Option<&Fit>) -> f64 {
    fit.map_or(f64::NAN, |fit| fit.fit.residual_sd)
}

#[unsafe(no_mangle)]
extern "C" fn dmci_fit_degrees_of_freedom(fit: Option<&Fit>) -> usize {
    fit.map_or(0, |fit| fit.fit.degrees_of_freedom)
}

#[unsafe(no_mangle)]
extern "C" fn dmci_fit_converged(fit: Option<&Fit>) -> c_int {
    c_int::from(fit.is_some_and(|fit| fit.fit.converged))
}

#[unsafe(no_mangle)]
extern "C" fn dmci_fit_starts(fit: Option<&Fit>) -> usize {
    fit.map_or(0, |fit| fit.fit.starts)
}

#[unsafe(no_mangle)]
extern "C" fn dmci_fit_agree(fit: Option<&Fit>) -> usize {
    fit.map_or(0, |fit| fit.fit.agree)
}

#[unsafe(no_mangle)]
extern "C" fn dmci_fit_free(fit: Option<Box<Fit>>) {
    drop(fit);
}
