//! The proposer `openai`: a language model behind an endpoint that speaks as `OpenAI`'s does.
//!
//! The state of a search goes in as a prompt; programs come out of the answer.
//!
//! **Invariants**
//! - A call is made only where what was spent, and the worst that this call can cost, are within the
//!   budget; a try that nobody answered counts as the worst.
//! - The key comes from the environment and goes into the request's header, and nowhere else.
//! - An answer is written down before it is used.
//! - No more calls are answered than the task allows, those of the run before it was resumed included.

use super::answers::programs;
use super::{Ask, Propose, Proposed};
use crate::Random;
use crate::search::error::SearchError;
use crate::search::task::{Form, OpenaiTask, Task};
use crate::search::transcript::{Answer, Transcript};
use crate::search::tree::written;
use serde_json::{Value, json};
use std::fs;
use std::time::Duration;

/// The prompt, unless the task names another.
const PROMPT: &str = include_str!("prompt.txt");

/// Bytes of the longest answer.
const LONGEST: u64 = 8 << 20;

/// The longest wait between two tries.
const LONGEST_WAIT: Duration = Duration::from_mins(2);

/// The shortest prompt that is worth sending.
const SHORTEST: usize = 1200;

/// Tokens that a server puts around a prompt.
const AROUND: usize = 200;

/// A language model.
pub(in crate::search) struct Openai {
    options: OpenaiTask,
    key: Option<String>,
    agent: ureq::Agent,
    transcript: Transcript,
    prompt: String,
    budget: Option<f64>,
    /// What tries may have cost that nobody answered.
    lost: f64,
    is_spent: bool,
    seed: u64,
}

impl std::fmt::Debug for Openai {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Openai")
            .field("url", &self.options.url)
            .finish_non_exhaustive()
    }
}

/// What came of one try.
enum Tried {
    Answer(Value),
    /// Try again, after so long if the server said.
    Again(String, Option<Duration>),
    /// The prompt is too long.
    TooLong,
    /// The limit of tokens has another name here.
    OtherField,
    Final(String),
}

impl Openai {
    pub(in crate::search) fn new(
        task: &Task,
        budget: Option<f64>,
        transcript: Transcript,
    ) -> Result<Self, SearchError> {
        let options = task.openai.clone();
        let key = match &options.key_env {
            None => None,
            Some(name) => Some(std::env::var(name).map_err(|_| {
                SearchError::Proposer(format!(
                    "[openai] key_env: the environment has no {name}; put the key there"
                ))
            })?),
        };
        let prompt = match &options.prompt {
            None => PROMPT.to_owned(),
            Some(path) => fs::read_to_string(path).map_err(SearchError::file(path))?,
        };
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs_f64(
                options.seconds.clamp(0.01, 1e6),
            )))
            .http_status_as_error(false)
            .max_redirects(0)
            .build()
            .into();
        Ok(Self {
            options,
            key,
            agent,
            transcript,
            prompt,
            budget,
            lost: 0.0,
            is_spent: false,
            seed: task.search.seed,
        })
    }

    /// Dollars for tokens.
    fn price(&self, tokens: [u64; 2]) -> f64 {
        let [prompt, answer] = tokens.map(|count| count as f64 * 1e-6);
        prompt * self.options.usd_in + answer * self.options.usd_out
    }

    /// The most that a call can cost: no token is shorter than a byte.
    fn worst(&self, prompt: &str) -> f64 {
        self.price([(prompt.len() + AROUND) as u64, self.options.max_tokens])
    }

    fn has_room(&self, prompt: &str) -> bool {
        let spent = self.transcript.usd() + self.lost;
        self.budget
            .is_none_or(|budget| spent + self.worst(prompt) <= budget)
    }

    /// Asks, again and again if need be; none where the budget has no room for it.
    fn ask(&mut self, ask: &Ask<'_>) -> Result<Option<Answer>, SearchError> {
        let mut most = self.options.most_prompt;
        let mut field = self.options.max_tokens_field.clone();
        let mut random = Random::at(&[self.seed, ask.island as u64, ask.step, 0x6a69]);
        let mut said = String::new();
        let mut answer = Answer {
            step: ask.step,
            island: ask.island,
            by: "openai".to_owned(),
            ..Answer::default()
        };
        for attempt in 0..self.options.tries.max(1) {
            let prompt = prompt(&self.prompt, ask, self.options.programs, most);
            if !self.has_room(&prompt) {
                self.note_lost(answer, "the budget has no room for another try")?;
                return Ok(None);
            }
            match self.once(ask, &prompt, &field) {
                Tried::Answer(value) => {
                    self.read(&value, &prompt, &mut answer);
                    answer.usd += self.lost;
                    self.lost = 0.0;
                    return Ok(Some(answer));
                }
                Tried::Again(why, wait) => {
                    said = why;
                    // Twice as long each time, and not all at once.
                    let own = Duration::from_millis(250 << attempt.min(9));
                    let own = own.mul_f64(0.5 + random.unit());
                    if attempt + 1 < self.options.tries {
                        std::thread::sleep(wait.unwrap_or(own).min(LONGEST_WAIT));
                    }
                }
                Tried::TooLong => {
                    "the prompt is longer than the model's context".clone_into(&mut said);
                    if most <= SHORTEST {
                        break;
                    }
                    most = (prompt.len().min(most) / 2).max(SHORTEST);
                }
                Tried::OtherField => {
                    "max_completion_tokens".clone_into(&mut field);
                    self.options.max_tokens_field.clone_from(&field);
                }
                Tried::Final(why) => {
                    self.note_lost(answer, &why)?;
                    return Err(SearchError::Proposer(format!(
                        "[openai] {}: {why}",
                        self.options.url
                    )));
                }
            }
        }
        self.note_lost(answer, &said)?;
        let (url, tries) = (&self.options.url, self.options.tries);
        Err(SearchError::Proposer(format!(
            "[openai] {url}: {said}, {tries} times; the run can be resumed"
        )))
    }

    /// Notes what tries may have cost that came to nothing.
    fn note_lost(&mut self, answer: Answer, why: &str) -> Result<(), SearchError> {
        let usd = std::mem::take(&mut self.lost);
        if usd == 0.0 {
            return Ok(());
        }
        self.transcript.add(Answer {
            usd,
            error: Some(why.to_owned()),
            ..answer
        })
    }

    fn once(&mut self, ask: &Ask<'_>, prompt: &str, field: &str) -> Tried {
        let options = &self.options;
        let mut body = json!({
            "model": options.model,
            "messages": [{"role": "user", "content": prompt}],
            "stream": false,
        });
        body[field] = json!(options.max_tokens);
        if let Some(temperature) = options.temperature {
            body["temperature"] = json!(temperature);
        }
        match options.grammar.as_str() {
            "gbnf" => body["grammar"] = json!(ask.task.gbnf()),
            "vllm" => {
                // The name that servers have now, and the one they had.
                body["structured_outputs"] = json!({"grammar": ask.task.gbnf()});
                body["guided_grammar"] = json!(ask.task.gbnf());
            }
            _ => {}
        }
        let url = format!("{}/chat/completions", options.url.trim_end_matches('/'));
        let mut request = self
            .agent
            .post(&url)
            .header("Content-Type", "application/json");
        if let Some(key) = &self.key {
            request = request.header("Authorization", format!("Bearer {key}"));
        }
        let mut response = match request.send(body.to_string()) {
            Ok(response) => response,
            Err(error) => {
                // It may have been answered, and paid for.
                self.lost += self.worst(prompt);
                return match error {
                    ureq::Error::BadUri(_) => Tried::Final(error.to_string()),
                    error => Tried::Again(error.to_string(), None),
                };
            }
        };
        let status = response.status().as_u16();
        let wait = response
            .headers()
            .get("retry-after")
            .and_then(|value| value.to_str().ok());
        let wait = wait.and_then(wait_of);
        let text = response
            .body_mut()
            .with_config()
            .limit(LONGEST)
            .read_to_string();
        let text = match text {
            Ok(text) => text,
            Err(error) => {
                self.lost += self.worst(prompt);
                return Tried::Again(error.to_string(), wait);
            }
        };
        match status {
            200..300 => match serde_json::from_str::<Value>(&text) {
                Ok(value) if value["choices"].is_array() => Tried::Answer(value),
                _ => {
                    self.lost += self.worst(prompt);
                    Tried::Again("an answer without `choices`".to_owned(), wait)
                }
            },
            408 | 429 | 500.. => Tried::Again(self.told(status, &text), wait),
            400 | 413 | 422 if is_overflow(status, &text) => Tried::TooLong,
            400 if text.contains("max_completion_tokens") && field == "max_tokens" => {
                Tried::OtherField
            }
            _ => Tried::Final(self.told(status, &text)),
        }
    }

    /// What a server said, shortened, without the key.
    fn told(&self, status: u16, text: &str) -> String {
        let value: Option<Value> = serde_json::from_str(text).ok();
        let message = value.as_ref().and_then(|value| {
            let error = &value["error"];
            error["message"]
                .as_str()
                .or(error.as_str())
                .or(value["message"].as_str())
        });
        let message: String = message.unwrap_or(text).chars().take(300).collect();
        let message = match &self.key {
            Some(key) if !key.is_empty() => message.replace(key.as_str(), "…"),
            _ => message,
        };
        format!("status {status}: {}", message.trim())
    }

    fn read(&self, value: &Value, prompt: &str, answer: &mut Answer) {
        let choice = &value["choices"][0];
        let message = &choice["message"];
        let content = text_of(&message["content"]);
        // Some say all they have to say while they think.
        let reasoning = text_of(&message["reasoning_content"]);
        let text = if content.trim().is_empty() {
            reasoning
        } else {
            content
        };
        answer.programs = programs(&text);
        if choice["finish_reason"] == "length" {
            answer.error = Some("the answer was cut off at max_tokens".to_owned());
        } else if answer.programs.is_empty() {
            answer.error = Some("the answer has no program".to_owned());
        }
        let count = |key: &str| value["usage"][key].as_u64();
        let told = count("prompt_tokens").zip(count("completion_tokens"));
        let tokens = if let Some((prompt, answer)) = told {
            [prompt, answer]
        } else {
            answer.estimated = true;
            // Half as many as there are bytes are more than nearly all texts have.
            let written = (text.len() as u64).div_ceil(2).min(self.options.max_tokens);
            [(prompt.len() as u64).div_ceil(2), written]
        };
        answer.tokens = Some(tokens);
        answer.usd = self.price(tokens);
        answer.text = Some(text);
    }
}

/// Content as a text, also where it is a list of parts.
fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts
            .iter()
            .filter_map(|part| part["text"].as_str())
            .collect(),
        _ => String::new(),
    }
}

fn is_overflow(status: u16, text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let signs = [
        "context_length",
        "context length",
        "context size",
        "maximum context",
        "too long",
        "too many tokens",
    ];
    status == 413 || signs.iter().any(|sign| text.contains(sign))
}

/// How long a server asks to wait: seconds, or until a date.
fn wait_of(value: &str) -> Option<Duration> {
    if let Ok(seconds) = value.trim().parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let at = seconds_of_date(value)?;
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .ok()?;
    Some(Duration::from_secs(at).saturating_sub(now))
}

/// Seconds since 1970 of a date such as `Sun, 06 Nov 1994 08:49:37 GMT`.
fn seconds_of_date(text: &str) -> Option<u64> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let words: Vec<&str> = text.split_whitespace().collect();
    let [_, day, month, year, time, _] = words[..] else {
        return None;
    };
    let (day, year): (u64, u64) = (day.parse().ok()?, year.parse().ok()?);
    let month = 1 + MONTHS.iter().position(|name| *name == month)? as u64;
    let parts: Option<Vec<u64>> = time.split(':').map(|part| part.parse().ok()).collect();
    let [hours, minutes, seconds] = parts?[..] else {
        return None;
    };
    if !(1970..10_000).contains(&year) || day > 31 || hours > 24 || minutes > 60 || seconds > 60 {
        return None;
    }
    // Days of years that begin in March, whose leap day is their last.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    Some((days - 719_468) * 86_400 + hours * 3600 + minutes * 60 + seconds)
}

/// Names of columns, with the units that the task gives for them.
fn with_units(columns: &[String], task: &Task) -> String {
    let told = columns.iter().map(|name| match task.units.get(name) {
        Some(unit) => format!("{name} (in {unit})"),
        None => name.clone(),
    });
    told.collect::<Vec<_>>().join(", ")
}

/// How programs are to be written, with one that has such a column: where a grammar keeps the answer to
/// programs, it has no room for fences.
fn shape(task: &Task, axis: &str) -> String {
    let example = match task.search.form {
        Form::Expression => format!("(+ 1.0 (* 0.5 {axis}))"),
        Form::Recurrence => format!("(recurrence 1.0 (+ state (* 0.5 {axis})))"),
    };
    if task.openai.grammar == "off" {
        format!("Write each in a fence of its own:\n```scheme\n{example}\n```")
    } else {
        format!("Write one a line, and nothing else:\n{example}")
    }
}

/// The prompt, in at most so many bytes: of the front the shortest go first, then what failed.
fn prompt(template: &str, ask: &Ask<'_>, count: usize, most: usize) -> String {
    let state = ask.state;
    let mut front: Vec<String> = state
        .front
        .members()
        .iter()
        .map(|elite| {
            let (complexity, loss) = (elite.complexity, elite.loss);
            format!("{complexity:>5} {loss:.3e} {}", written(&elite.program).0)
        })
        .collect();
    let mut errors: Vec<String> = state
        .last_errors
        .iter()
        .map(|(program, message)| format!("{program}\n{message}"))
        .collect();
    let residuals = (ask.residuals)();
    loop {
        let or_none = |texts: &[String]| {
            if texts.is_empty() {
                "(none)".to_owned()
            } else {
                texts.join("\n")
            }
        };
        let form = match ask.task.search.form {
            Form::Expression => "A program is one expression.",
            Form::Recurrence => {
                "A program is (recurrence START NEXT): START is the prediction of the first row, NEXT that \
                 of any other, from `state`, the prediction before it, and the columns of its row."
            }
        };
        let inputs = &ask.task.data.inputs;
        let axis = inputs.first().map_or("row", String::as_str);
        let text = template
            .replace("{shape}", &shape(ask.task, axis))
            .replace(
                "{target}",
                &with_units(std::slice::from_ref(&ask.task.data.target), ask.task),
            )
            .replace("{inputs}", &with_units(inputs, ask.task))
            .replace("{axis}", axis)
            .replace("{form}", form)
            .replace("{operators}", &ask.task.grammar.operators.join(" "))
            .replace("{count}", &count.to_string())
            .replace("{residuals}", residuals.trim_end())
            .replace("{front}", &or_none(&front))
            .replace("{errors}", &or_none(&errors));
        if text.len() <= most || front.is_empty() && errors.is_empty() {
            return text;
        }
        if errors.pop().is_none() {
            front.remove(0);
        }
    }
}

impl Propose for Openai {
    fn propose(&mut self, ask: &Ask<'_>, proposed: &mut Proposed) -> Result<(), SearchError> {
        if self.transcript.answer(ask.step, ask.island).is_none() {
            if Propose::is_spent(self) {
                return Ok(());
            }
            let Some(answer) = self.ask(ask)? else {
                self.is_spent = true;
                return Ok(());
            };
            self.transcript.add(answer)?;
        }
        if let Some(answer) = self.transcript.answer(ask.step, ask.island) {
            for text in &answer.programs {
                proposed.take_text(ask, "openai", Vec::new(), text);
            }
        }
        Ok(())
    }

    fn is_spent(&self) -> bool {
        let answers = self.transcript.count();
        self.is_spent || self.options.calls.is_some_and(|most| answers >= most)
    }

    fn is_finished(&self, step: u64) -> bool {
        Propose::is_spent(self) && self.transcript.last_step().is_none_or(|last| step > last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_read_in_seconds_and_as_dates() {
        assert_eq!(wait_of("3"), Some(Duration::from_secs(3)));
        assert_eq!(wait_of(" 0.5 "), Some(Duration::from_millis(500)));
        assert_eq!(
            seconds_of_date("Sun, 06 Nov 1994 08:49:37 GMT"),
            Some(784_111_777)
        );
        assert_eq!(seconds_of_date("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(
            seconds_of_date("Tue, 29 Feb 2028 12:00:00 GMT"),
            Some(1_835_438_400)
        );
        assert_eq!(
            wait_of("Sun, 06 Nov 1994 08:49:37 GMT"),
            Some(Duration::ZERO)
        );
        for text in [
            "",
            "-1",
            "soon",
            "Sun, 06 Nov 1994",
            "a, 99 Nov 1994 08:49:37 GMT",
            "nan",
            "1e300",
        ] {
            assert_eq!(wait_of(text), None, "{text}");
        }
    }
}
