//! Tasks: what a search is asked for, as a file in TOML says it.
//!
//! The text of a task file goes in; a [`Task`] with every default filled in comes out, or one error that
//! names the key.
//!
//! **Invariants**
//! - A key that nobody reads is an error: what is misspelled is told, with what it may have been meant for.
//! - A task that was read can be run: numbers are in their ranges, names are operators, paths are joined to
//!   the folder of the task.

use super::error::SearchError;
use super::tree::gives_number;
use super::units;
use crate::prim::Prim;
use crate::source::Span;
use crate::symbol::nearest;
use crate::syntax::read_number;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What a search is asked for.
///
/// ```
/// use dmci::search::Task;
///
/// let task = Task::from_toml(
///     "[data]\nfile = 'd.csv'\ntarget = 'y'\ninputs = ['x']\n[search]\nbudget_evals = 1000\n",
///     ".".as_ref(),
/// )?;
/// assert_eq!((task.data.target.as_str(), task.search.islands), ("y", 4));
/// # Ok::<(), dmci::search::SearchError>(())
/// ```
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Task {
    /// The data.
    pub data: DataTask,
    /// The search.
    #[serde(default)]
    pub search: SearchTask,
    /// What programs are made of.
    #[serde(default)]
    pub grammar: GrammarTask,
    /// The units of columns, such as `kg*m/s^2`: programs that do not agree with them count as longer.
    #[serde(default)]
    pub units: BTreeMap<String, String>,
    /// How constants are calibrated, and within what.
    #[serde(default)]
    pub calibrate: CalibrateTask,
    /// The proposer `library`: modules.
    #[serde(default)]
    pub library: BTreeMap<String, String>,
    /// The proposer `openai`.
    #[serde(default)]
    pub openai: OpenaiTask,
    /// The proposer `command`.
    #[serde(default)]
    pub command: CommandTask,
    /// The proposer `replay`.
    #[serde(default)]
    pub replay: ReplayTask,
    /// The text that all this was read from.
    #[serde(skip)]
    pub text: String,
}

/// `[data]`: which numbers are predicted from which.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct DataTask {
    /// The table, beside the task file.
    pub file: PathBuf,
    /// The column that is predicted.
    pub target: String,
    /// The columns that programs may use.
    pub inputs: Vec<String>,
    /// The column that says which rows belong together, in their order.
    #[serde(default)]
    pub group: Option<String>,
    /// Only rows in which this column has this number.
    #[serde(default)]
    pub only: BTreeMap<String, f64>,
    /// Whether rows follow each other in time: the last of each group are held out. Otherwise rows are held
    /// out at random.
    #[serde(default)]
    pub series: bool,
    /// The share of rows that choose between programs, and that no constant is calibrated on.
    #[serde(default = "fifth")]
    pub select: f64,
    /// The share of rows that nothing but the report sees.
    #[serde(default = "fifth")]
    pub test: f64,
    /// Origins that a series is forecast from, to choose between programs.
    #[serde(default = "one")]
    pub origins: usize,
    /// Rows without targets, in which predictions must be finite and in range.
    #[serde(default)]
    pub forecast: Option<PathBuf>,
    /// Where predictions may lie there; unless given, as far outside the targets as these reach.
    #[serde(default)]
    pub range: Option<[f64; 2]>,
    /// Which way predictions may go there, from row to row.
    #[serde(default)]
    pub trend: Option<Trend>,
}

/// Which way a quantity goes.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Trend {
    /// It never rises.
    Falling,
    /// It never falls.
    Rising,
}

/// `[search]`: who proposes, and how long.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct SearchTask {
    /// `genetic`, `library`, `openai`, `command` or `replay`.
    pub proposer: String,
    /// What everything random is drawn by.
    pub seed: u64,
    /// Evaluations of candidates at all rows, after which no step is begun.
    pub budget_evals: u64,
    /// Dollars that may be spent.
    pub budget_usd: Option<f64>,
    /// The loss at which the search is done; the mean squared error in units of the targets' variance.
    pub done: f64,
    /// How many populations there are.
    pub islands: usize,
    /// Candidates of an island in one step.
    pub batch: usize,
    /// Steps between migrations.
    pub migrate: u64,
    /// `expression` or `recurrence`.
    pub form: Form,
    /// Programs to begin with.
    pub programs: Vec<String>,
}

/// What programs look like.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Form {
    /// One expression of the inputs, row by row.
    #[default]
    Expression,
    /// A state that each row moves on, `(recurrence START NEXT)`: the state is the prediction.
    Recurrence,
}

impl Default for SearchTask {
    fn default() -> Self {
        Self {
            proposer: "genetic".to_owned(),
            seed: 0,
            budget_evals: 1_000_000,
            budget_usd: None,
            done: 1e-20,
            islands: 4,
            batch: 16,
            migrate: 25,
            form: Form::Expression,
            programs: Vec::new(),
        }
    }
}

/// `[grammar]`: what programs are made of.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct GrammarTask {
    /// Primitives, `if` among them, that programs are made of.
    pub operators: Vec<String>,
    /// The most data of a proposed program.
    pub most_nodes: usize,
    /// The greatest complexity that is bred.
    pub most_complexity: f64,
    /// What a datum counts in the complexity, by its name; `constant` and `int` are names here; 1 unless said.
    pub weights: BTreeMap<String, f64>,
    /// What each part of a program counts besides that does not agree in its unit.
    pub misfit: f64,
}

impl Default for GrammarTask {
    fn default() -> Self {
        let operators = ["+", "-", "*", "/", "sin", "exp", "square", "sqrt"];
        Self {
            operators: operators.map(str::to_owned).to_vec(),
            most_nodes: 400,
            most_complexity: 40.0,
            weights: BTreeMap::new(),
            misfit: 4.0,
        }
    }
}

/// `[calibrate]`: how constants are found, and within what.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct CalibrateTask {
    /// Starts where the search for constants may end in different places.
    pub starts: usize,
    /// Evaluations of one start.
    pub evaluations: usize,
    /// Whether all groups share the constants, each has its own, or each has its own of one population.
    pub constants: Constants,
    /// Whether candidates are compiled, or interpreted as data; what is found is the same.
    pub mode: Runs,
    /// Applications of one evaluation of a row, or of a series.
    pub fuel: u64,
    /// Bytes of one evaluation.
    pub bytes: usize,
    /// Procedures under way at once.
    pub depth: usize,
    /// Seconds of one candidate, a last resort: what ends there depends on the machine.
    pub seconds: f64,
}

/// Whose constants are whose.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Constants {
    /// All groups have the same.
    #[default]
    Shared,
    /// Each group has its own.
    Local,
    /// Each group has its own, drawn from one population: what a group does not tell of them, the others do.
    Pooled,
}

/// How candidates are run.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Runs {
    /// Each is compiled.
    #[default]
    Direct,
    /// The compiled interpreter runs each as data.
    Interpreter,
}

impl Default for CalibrateTask {
    fn default() -> Self {
        Self {
            starts: 4,
            evaluations: 20,
            constants: Constants::Shared,
            mode: Runs::Direct,
            fuel: 200_000,
            bytes: 32 << 20,
            depth: 10_000,
            seconds: 30.0,
        }
    }
}

/// `[openai]`: an endpoint that speaks as `OpenAI`'s does.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct OpenaiTask {
    /// Up to `/v1`.
    pub url: String,
    /// The model's name there.
    pub model: String,
    /// The environment variable that holds the key; none where there is none to give.
    pub key_env: Option<String>,
    /// The most tokens of an answer.
    pub max_tokens: u64,
    /// The name of that field: `max_tokens` or `max_completion_tokens`.
    pub max_tokens_field: String,
    /// The temperature; none for the endpoint's own.
    pub temperature: Option<f64>,
    /// `gbnf`, `vllm` or `off`.
    pub grammar: String,
    /// Dollars for a million tokens of prompts.
    pub usd_in: f64,
    /// Dollars for a million tokens of answers.
    pub usd_out: f64,
    /// Programs asked for in one call.
    pub programs: usize,
    /// The most calls that are answered in a run; none for as many as its budget allows.
    pub calls: Option<usize>,
    /// Tries of one call, the first included.
    pub tries: u32,
    /// Seconds that one try may take.
    pub seconds: f64,
    /// A file in place of the prompt.
    pub prompt: Option<PathBuf>,
    /// Bytes of the longest prompt.
    pub most_prompt: usize,
}

impl Default for OpenaiTask {
    fn default() -> Self {
        Self {
            url: String::new(),
            model: String::new(),
            key_env: None,
            max_tokens: 1024,
            max_tokens_field: "max_tokens".to_owned(),
            temperature: None,
            grammar: "off".to_owned(),
            usd_in: 0.0,
            usd_out: 0.0,
            programs: 4,
            calls: None,
            tries: 5,
            seconds: 120.0,
            prompt: None,
            most_prompt: 24_000,
        }
    }
}

/// `[command]`: a process that is asked by lines of JSON.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct CommandTask {
    /// The program, and its arguments.
    pub run: Vec<String>,
    /// Seconds that it may take to answer a line; 60 unless given.
    pub seconds: Option<f64>,
}

/// `[replay]`: the answers of an earlier run.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct ReplayTask {
    /// A `transcript.jsonl`.
    pub file: PathBuf,
}

const fn fifth() -> f64 {
    0.2
}

const fn one() -> usize {
    1
}

/// The proposers.
pub(super) const PROPOSERS: [&str; 5] = ["genetic", "library", "openai", "command", "replay"];

impl Task {
    /// Reads a task file.
    ///
    /// # Errors
    /// When it cannot be read, or as [`Task::from_toml`].
    pub fn read(file: &Path) -> Result<Self, SearchError> {
        let text = std::fs::read_to_string(file).map_err(SearchError::file(file))?;
        let folder = file.parent().unwrap_or(Path::new("."));
        Self::from_toml(&text, folder).map_err(|error| match error {
            SearchError::Task(message) => {
                SearchError::Task(format!("{}: {message}", file.display()))
            }
            other => other,
        })
    }

    /// Reads the text of a task file; its paths are taken from `folder`.
    ///
    /// # Errors
    /// What is wrong with it: at its line and column where it is no TOML or has a key of no meaning, and by
    /// its key where a value is out of range.
    pub fn from_toml(text: &str, folder: &Path) -> Result<Self, SearchError> {
        let mut task: Self =
            toml::from_str(text).map_err(|error| SearchError::Task(placed(&error, text)))?;
        text.clone_into(&mut task.text);
        for path in [
            Some(&mut task.data.file),
            task.data.forecast.as_mut(),
            Some(&mut task.replay.file),
            task.openai.prompt.as_mut(),
        ]
        .into_iter()
        .flatten()
        {
            if path.is_relative() && *path != Path::new("") {
                *path = folder.join(&*path);
            }
        }
        task.check().map_err(SearchError::Task)?;
        Ok(task)
    }

    fn check(&self) -> Result<(), String> {
        let DataTask {
            target,
            inputs,
            select,
            test,
            ..
        } = &self.data;
        if inputs.is_empty() && self.search.form == Form::Expression {
            return Err("[data] inputs: name the columns that programs may use".into());
        }
        for (place, input) in inputs.iter().enumerate() {
            if input == target {
                return Err(format!(
                    "[data] inputs: `{input}` is the target; leave it out"
                ));
            }
            if inputs[..place].contains(input) {
                return Err(format!("[data] inputs: `{input}` stands there twice"));
            }
            if read_number(input).is_some() || input.is_empty() {
                return Err(format!(
                    "[data] inputs: `{input}` cannot be a name in a program"
                ));
            }
        }
        let share = |key: &str, share: f64| {
            if (0.0..0.9).contains(&share) {
                Ok(())
            } else {
                Err(format!("[data] {key}: {share}; give a share from 0 to 0.9"))
            }
        };
        share("select", *select)?;
        share("test", *test)?;
        if select + test > 0.9 {
            let sum = select + test;
            return Err(format!(
                "[data] select and test: {sum} together; leave 0.1 to calibrate on"
            ));
        }
        if let Some([low, high]) = self.data.range
            && (low.is_nan() || high.is_nan() || low >= high)
        {
            return Err(format!(
                "[data] range: [{low}, {high}]; give the lower end first"
            ));
        }
        if !PROPOSERS.contains(&self.search.proposer.as_str()) {
            let name = &self.search.proposer;
            return Err(format!(
                "[search] proposer: `{name}`; there are {}",
                PROPOSERS.join(", ")
            ));
        }
        let count = |key: &str, value: usize, most: usize| {
            if (1..=most).contains(&value) {
                Ok(())
            } else {
                Err(format!("{key}: {value}; give a number from 1 to {most}"))
            }
        };
        if !(0.0..=1e6).contains(&self.grammar.misfit) {
            return Err(format!(
                "[grammar] misfit: {}; give a number from 0 to 10^6",
                self.grammar.misfit
            ));
        }
        units::check(&self.units, target, inputs)?;
        count("[data] origins", self.data.origins, 100)?;
        count("[search] islands", self.search.islands, 1000)?;
        count("[search] batch", self.search.batch, 10_000)?;
        count(
            "[search] migrate",
            self.search.migrate.min(1 << 20) as usize,
            1 << 20,
        )?;
        count("[grammar] most_nodes", self.grammar.most_nodes, 20_000)?;
        count("[calibrate] starts", self.calibrate.starts, 10_000)?;
        count(
            "[calibrate] evaluations",
            self.calibrate.evaluations,
            1_000_000,
        )?;
        // A tebi, and what there is to address where that is less.
        let most = usize::try_from(1_u64 << 40).unwrap_or(usize::MAX);
        count("[calibrate] bytes", self.calibrate.bytes, most)?;
        count("[calibrate] depth", self.calibrate.depth, most)?;
        let above = |key: &str, value: f64| {
            if value > 0.0 && value.is_finite() {
                Ok(())
            } else {
                Err(format!("{key}: {value}; give a number above 0"))
            }
        };
        above("[grammar] most_complexity", self.grammar.most_complexity)?;
        above("[calibrate] seconds", self.calibrate.seconds)?;
        for (name, &weight) in &self.grammar.weights {
            above(&format!("[grammar.weights] {name}"), weight)?;
        }
        for name in &self.grammar.operators {
            self.check_operator(name)?;
        }
        if self.search.proposer == "openai" {
            let openai = &self.openai;
            if openai.url.is_empty() || openai.model.is_empty() {
                return Err("[openai]: give url, up to /v1, and model".into());
            }
            if !["gbnf", "vllm", "off"].contains(&openai.grammar.as_str()) {
                let name = &openai.grammar;
                return Err(format!(
                    "[openai] grammar: `{name}`; there are gbnf, vllm, off"
                ));
            }
            if self.search.budget_usd.is_some() && openai.usd_in + openai.usd_out <= 0.0 {
                return Err(
                    "[search] budget_usd: [openai] usd_in and usd_out are not given, so no \
                            call has a price; give them, or leave out the budget"
                        .into(),
                );
            }
        }
        if self.search.proposer == "command" && self.command.run.is_empty() {
            return Err(
                "[command] run: name the program, such as [\"python3\", \"mine.py\"]".into(),
            );
        }
        if self.search.proposer == "library" && self.library.is_empty() {
            return Err(
                "[library]: give modules, such as decay = \"(* 1.0 (exp (* -0.5 x)))\"".into(),
            );
        }
        if self.search.proposer == "replay" && self.replay.file == Path::new("") {
            return Err("[replay] file: name a transcript.jsonl".into());
        }
        if self.calibrate.constants != Constants::Shared && self.data.group.is_none() {
            return Err(
                "[calibrate] constants: local and pooled ones need [data] group, the column of groups"
                    .into(),
            );
        }
        if self.data.trend.is_some() && self.data.forecast.is_none() {
            return Err(
                "[data] trend: it is held against forecast, a table of inputs; give one".into(),
            );
        }
        Ok(())
    }

    fn check_operator(&self, name: &str) -> Result<(), String> {
        const TESTS: [&str; 5] = ["if", "<", ">", "<=", ">="];
        if TESTS.contains(&name) {
            return Ok(());
        }
        if self.data.inputs.iter().any(|input| input == name) {
            return Err(format!(
                "[grammar] operators: `{name}` is an input too; rename the column"
            ));
        }
        match Prim::from_name(name) {
            Some(prim) if gives_number(prim) && prim.spec().min_args <= 2 => Ok(()),
            Some(_) => Err(format!(
                "[grammar] operators: `{name}` does not give a number for one or two"
            )),
            None => {
                let near = nearest(name, Prim::names());
                let near = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
                Err(format!("[grammar] operators: there is no `{name}`{near}"))
            }
        }
    }
}
/// What is wrong with a task file's text, and where.
fn placed(error: &toml::de::Error, text: &str) -> String {
    let message = error.message().trim_end();
    match error.span() {
        Some(span) => {
            let place = Span::new(span.start as u32, span.end as u32).position(text);
            format!("at {place}: {message}")
        }
        None => message.to_owned(),
    }
}
