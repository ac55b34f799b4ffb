//! `dmci machine run`: a program on whole numbers, or a soft one, step by step where that is asked for.
//!
//! A program and a starting state go in; the last state comes out, each state before it, and a heatmap
//! of where the machine was.

use super::heat::{Block, draw};
use super::{
    Loaded, NoiseArgs, ShapeArgs, VariantArgs, failure, in_words, load, numbers, place, soft, write,
};
use crate::Threads;
use crate::cli::json::{self, Object};
use crate::cli::program::at_least_one;
use crate::cli::report::{self, Failure, significant, table};
use crate::machine::{Kernel, Program, STOPPED, Scratch, SoftState, State, assembly, oracle};
use clap::Args;
use std::fmt::Write as _;
use std::path::PathBuf;

/// How many steps are told one by one.
const MOST_TOLD: usize = 10_000;

/// Run a program: assembly on whole numbers, weights (FILE.json, or with --gamma) softly
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  dmci machine run map-inc.rasm --memory '3 7 1'
  dmci machine run map-inc.rasm --trace
  dmci machine run tuned.json --memory '3 7 1' --trace --svg lines.svg
  dmci machine run map-inc.rasm --gamma 0.1 --seed 2 --json")]
pub(super) struct Run {
    /// The program, as assembly or as weights
    #[arg(value_name = "FILE")]
    file: PathBuf,

    #[command(flatten)]
    shape: ShapeArgs,
    #[command(flatten)]
    noise: NoiseArgs,
    #[command(flatten)]
    variants: VariantArgs,

    /// What memory holds from address 0 on, in place of the text's `.memory`; the rest holds 0
    #[arg(long, value_name = "NUMBERS")]
    memory: Option<String>,

    /// What the registers hold from r0 on; the rest hold 0
    #[arg(long, value_name = "NUMBERS")]
    start_registers: Option<String>,

    /// How many steps at most
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = at_least_one)]
    steps: usize,

    /// Tell each step: the line that is done, and the state before it; of a soft program what is likeliest
    #[arg(long)]
    trace: bool,

    /// Draw the chances of the lines over the steps
    #[arg(long, value_name = "FILE.svg")]
    svg: Option<PathBuf>,

    /// Print JSON instead of text
    #[arg(long)]
    json: bool,
}

/// A step that is told.
struct Told {
    /// The state before it, or the last one: of whole numbers, or what is likeliest.
    state: State,
    /// The chances of the lines.
    line: Vec<f64>,
    halted: f64,
}

impl Run {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let loaded = load(&self.file, &self.shape)?;
        let is_soft = self.noise.gamma.is_some() || matches!(loaded, Loaded::Soft(_));
        let (program, states) = if is_soft {
            self.softly(loaded)?
        } else {
            self.on_whole_numbers(loaded)?
        };
        if let Some(path) = &self.svg {
            write(
                path,
                &picture(&self.file.display().to_string(), &program, &states),
            )?;
        }
        self.tell(&program, &states, is_soft)
    }

    /// Whether states before the last are wanted.
    fn keeps_all(&self) -> bool {
        self.trace || self.svg.is_some()
    }

    fn on_whole_numbers(&self, loaded: Loaded) -> Result<(Program, Vec<Told>), Failure> {
        let Loaded::Assembly(assembly::Assembly {
            program, mut start, ..
        }) = loaded
        else {
            return Err(Failure::Usage("weights are run softly".into()));
        };
        let shape = program.shape;
        let (memory, registers) = (self.memory.as_ref(), self.start_registers.as_ref());
        place(&mut start, shape.base, memory, registers)?;
        let definition = self.variants.definition();
        let told = |state: &State| Told {
            state: state.clone(),
            line: (0..shape.lines)
                .map(|at| f64::from(u8::from(at == state.line)))
                .collect(),
            halted: f64::from(u8::from(state.halted)),
        };
        let mut states = Vec::new();
        let mut taken = 0;
        while taken < self.steps && !start.halted {
            if self.keeps_all() && states.len() < MOST_TOLD {
                states.push(told(&start));
            }
            taken += oracle::run_by(&definition, &program, &mut start, 1);
        }
        states.push(told(&start));
        self.warn_of_steps(taken);
        Ok((program, states))
    }

    fn warn_of_steps(&self, taken: usize) {
        if self.keeps_all() && taken > MOST_TOLD {
            report::warn(&format!(
                "{taken} steps; the first {MOST_TOLD} and the end are told"
            ));
        }
    }

    fn softly(&self, loaded: Loaded) -> Result<(Program, Vec<Told>), Failure> {
        let (weights, mut now) = soft(loaded, &self.noise)?;
        let shape = weights.shape();
        if let Some(text) = &self.memory {
            let given = numbers("--memory", text, shape.base, shape.base)?;
            fill(now.memory_mut(), &given, shape.base);
        }
        if let Some(text) = &self.start_registers {
            let given = numbers("--start-registers", text, shape.base, shape.registers)?;
            fill(now.registers_mut(), &given, shape.base);
        }
        let kernel = Kernel::<f64>::new(shape, self.variants.definition())
            .map_err(|error| failure(&error))?;
        let mut scratch = Scratch::default();
        let told = |state: &SoftState| Told {
            state: state.likeliest(),
            line: state.line().to_vec(),
            halted: state.halted(),
        };
        let mut states = Vec::new();
        let mut taken = 0;
        while taken < self.steps && now.halted() <= STOPPED {
            if self.keeps_all() && states.len() < MOST_TOLD {
                states.push(told(&now));
            }
            let starts = std::slice::from_ref(&now);
            let ended = kernel.run(&weights, starts, 1, &Threads::ONE, &mut scratch);
            now = ended.map_err(|error| failure(&error))?.remove(0);
            taken += 1;
        }
        states.push(told(&now));
        self.warn_of_steps(taken);
        Ok((weights.decompile(), states))
    }

    fn tell(&self, program: &Program, states: &[Told], is_soft: bool) -> Result<(), Failure> {
        let Some((last, before)) = states.split_last() else {
            return Ok(());
        };
        let before = if self.trace { before } else { &[] };
        if self.json {
            return report::print(&json::line(|object| {
                if self.trace {
                    object.objects("steps", before, |told, object| {
                        members(told, program, object);
                    });
                }
                object.plain("halted", last.state.halted);
                if is_soft {
                    object.number("halted chance", last.halted);
                }
                lists(&last.state, object);
            }));
        }
        let mut text = String::new();
        if self.trace {
            let rows: Vec<Vec<String>> = before
                .iter()
                .enumerate()
                .map(|(step, told)| {
                    let State {
                        registers,
                        memory,
                        line,
                        ..
                    } = &told.state;
                    let code = program
                        .lines
                        .get(*line)
                        .map(assembly::line)
                        .unwrap_or_default();
                    let chance = told.line.get(*line).copied().unwrap_or(0.0);
                    let mut row = vec![step.to_string(), format!("L{line}")];
                    if is_soft {
                        row.push(significant(chance, 2));
                    }
                    row.extend([code, in_words(registers), in_words(memory)]);
                    row
                })
                .collect();
            let mut header = vec!["step", "line"];
            if is_soft {
                header.push("chance");
            }
            header.extend(["instruction", "registers", "memory"]);
            text.push_str(&table(&header, &rows));
            text.push('\n');
        }
        let halted = match (last.state.halted, is_soft) {
            (halted, true) => format!("{halted}, with a chance of {}", significant(last.halted, 3)),
            (halted, false) => halted.to_string(),
        };
        let _ = write!(
            text,
            "halted     {halted}\nregisters  {}\nmemory     {}\n",
            in_words(&last.state.registers),
            in_words(&last.state.memory)
        );
        report::print(&text)
    }
}

/// Rows become one-hot; those that no number is given for are 0.
fn fill(rows: &mut [f64], given: &[usize], base: usize) {
    for (at, row) in rows.chunks_exact_mut(base).enumerate() {
        row.fill(0.0);
        row[given.get(at).copied().unwrap_or(0)] = 1.0;
    }
}

fn lists(state: &State, object: &mut Object<'_>) {
    let plain = |numbers: &[usize]| serde_json::to_string(numbers).unwrap_or_default();
    object.raw("registers", &plain(&state.registers));
    object.raw("memory", &plain(&state.memory));
}

fn members(told: &Told, program: &Program, object: &mut Object<'_>) {
    let line = told.state.line;
    object.plain("line", line);
    object.number("chance", told.line.get(line).copied().unwrap_or(0.0));
    let code = program.lines.get(line).map(assembly::line);
    object.text("instruction", &code.unwrap_or_default());
    lists(&told.state, object);
    object.number("halted", told.halted);
}

/// The chances of the lines over the steps: a row is a line.
fn picture(title: &str, program: &Program, states: &[Told]) -> String {
    let rows: Vec<String> = (0..program.lines.len())
        .map(|at| format!("L{at}"))
        .collect();
    let of_line = |line: usize| states.iter().map(|told| told.line[line]).collect();
    let block = Block {
        title: "steps".to_owned(),
        columns: (0..states.len()).map(|step| step.to_string()).collect(),
        rows: (0..rows.len()).map(of_line).collect(),
    };
    draw(title, &rows, &[block])
}
