//! The book and the program agree: every name of the language is in it, and what its consoles show is
//! what the command line prints.
//!
//! In go the pages of `src/docs/` and at the root; out come complaints, each with what to do.
//!
//! **Invariants**
//! - Names are looked for in the tables of `language.md`, where readers look them up; prose does not
//!   count.
//! - A program of a Scheme block that shows its value, as `; => value`, has it.
//! - A console block is run whole, from the page alone: `$ cat FILE` says what a file holds, and
//!   nothing else is there.
//! - What may differ is marked in the page by `…`, so a reader sees what the test does not.

use super::{files, none, read, root};
use dmci::prim::Prim;
use std::collections::BTreeSet;

/// The pages of the book and those at the root.
fn pages() -> Vec<(String, String)> {
    let mut pages = files("src/docs", &["md"]);
    for name in ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"] {
        pages.push((name.to_owned(), read(&root().join(name))));
    }
    pages
}

// ---- names -----------------------------------------------------------------------------------

/// The words between backticks in the tables of a text.
fn words_of_tables(text: &str) -> BTreeSet<&str> {
    let rows = text.lines().filter(|line| line.starts_with('|'));
    let codes = rows.flat_map(|row| row.split('`').skip(1).step_by(2));
    codes.flat_map(str::split_whitespace).collect()
}

/// `car` and `cdr` joined, as in `caddr`: the book names the first and the rule.
fn is_composition(name: &str) -> bool {
    let letters = name.strip_prefix('c').and_then(|n| n.strip_suffix('r'));
    letters.is_some_and(|l| l.len() > 1 && l.chars().all(|c| matches!(c, 'a' | 'd')))
}

/// The forms of the language by `forms.rs`: a name and the variant of `Form` that it means.
fn forms() -> Vec<(String, String)> {
    let text = read(&root().join("src/syntax/forms.rs"));
    let mut forms = Vec::new();
    for line in text.lines() {
        if let Some((names, form)) = line.split_once(" => Form::")
            && let Some(variant) = form.strip_suffix(',')
            && !variant.contains('(')
        {
            let names = names.split('"').skip(1).step_by(2);
            forms.extend(names.map(|name| (name.to_owned(), variant.to_owned())));
        }
    }
    let variants = text.split_once("enum Form {").expect("the enum").1;
    let variants = variants.split('}').next().expect("its end").lines();
    for variant in variants.filter_map(|line| line.trim().strip_suffix(',')) {
        assert!(
            variant.contains('(') || forms.iter().any(|(_, form)| form == variant),
            "src/syntax/forms.rs has no line `\"name\" => Form::{variant},` from which this test could \
             learn what `Form::{variant}` is called"
        );
    }
    forms
}

/// The procedures of the prelude, those that only serve others included.
fn prelude() -> Vec<String> {
    let files = files("bootstrap", &["scm"]).into_iter();
    let prelude = files.filter(|(path, _)| !path.ends_with("compiler.scm"));
    let text: String = prelude.map(|(_, text)| text).collect();
    let heads = text
        .lines()
        .filter_map(|line| line.strip_prefix("(define ("));
    let names = heads.filter_map(|head| head.split([' ', ')']).next());
    names.map(str::to_owned).collect()
}

#[test]
fn the_book_names_every_primitive_and_form() {
    let page = read(&root().join("src/docs/language.md"));
    let named = words_of_tables(&page);
    let mut complaints = Vec::new();
    let mut ask = |name: &str, what: &str, table: &str| {
        if !named.contains(name) {
            complaints.push(format!(
                "`{name}` is {what} and src/docs/language.md does not name it: add it to the table \
                 under \"{table}\""
            ));
        }
    };
    for name in Prim::names().filter(|name| !is_composition(name)) {
        ask(name, "a primitive", "## Primitives");
    }
    let (forms, prelude) = (forms(), prelude());
    for (name, _) in &forms {
        ask(name, "a form", "## Forms");
    }
    for name in prelude.iter().filter(|name| !name.starts_with('%')) {
        ask(name, "a procedure of the prelude", "## Primitives");
    }
    // And the other way round.
    let (_, table) = page.split_once("## Primitives").expect("the section");
    let table = table.split("\n\n").nth(1).expect("its table");
    for name in words_of_tables(table) {
        if Prim::from_name(name).is_none() && !prelude.iter().any(|known| known == name) {
            complaints.push(format!(
                "src/docs/language.md names `{name}` under \"## Primitives\", and neither the table of \
                 primitives nor the prelude has it: take it out, or mend its spelling"
            ));
        }
    }
    assert!(
        forms.len() > 20 && prelude.len() > 5,
        "{forms:?} {prelude:?}"
    );
    none(&complaints);
}

#[test]
fn every_page_is_in_the_book() {
    let list = read(&root().join("src/docs/mod.rs"));
    let complaints: Vec<String> = files("src/docs", &["md"])
        .iter()
        .map(|(page, _)| page.trim_start_matches("src/docs/"))
        .filter(|page| !list.contains(&format!("include_str!(\"{page}\")")))
        .map(|page| {
            format!("src/docs/{page} is not in the book: add its module to src/docs/mod.rs")
        })
        .collect();
    none(&complaints);
}

/// The places in a page that a reader could look for: targets of links, and code that begins with a
/// folder of ours.
fn places(text: &str) -> Vec<(&str, bool)> {
    let links = text
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next());
    let links = links.filter(|link| !link.contains("::") && !link.contains("//"));
    let code = text.split('`').skip(1).step_by(2);
    let folders = ["src/", "tests/", "bootstrap/", "benches/", "examples/"];
    let code = code.filter(move |code| folders.iter().any(|folder| code.starts_with(folder)));
    let is_plain = |code: &&str| !code.contains(|c: char| c.is_whitespace() || "*<{…".contains(c));
    let links = links.map(|link| (link, true));
    links
        .chain(code.filter(is_plain).map(|place| (place, false)))
        .collect()
}

#[test]
fn places_that_the_book_names_are_there() {
    let mut complaints = Vec::new();
    let mut seen = 0;
    for (page, text) in pages() {
        let folder = root().join(&page);
        let folder = folder.parent().expect("a page is in a folder");
        for (place, is_link) in places(&text) {
            seen += 1;
            let from = if is_link { folder } else { root() };
            if !from.join(place.split('#').next().unwrap_or(place)).exists() {
                complaints.push(format!("{page} names `{place}`, which is not there"));
            }
        }
    }
    assert!(seen > 50, "{seen} places were found");
    none(&complaints);
}

#[test]
fn dmci_in_300_lines_has_no_more() {
    let text = read(&root().join("examples/three_hundred_lines.rs"));
    let code = text.lines().map(str::trim_start);
    let count = code
        .filter(|line| !line.is_empty() && !line.starts_with("//"))
        .count();
    assert!(
        count <= 300,
        "examples/three_hundred_lines.rs has {count} lines of code, prose not counted: find what a \
         newcomer can do without"
    );
}

// ---- values ----------------------------------------------------------------------------------

/// The programs of a page's Scheme blocks that show a value: what stands before `; => value`, from the
/// one before on. In the order of the page, with the line of the value.
fn shown_values(page: &str) -> Vec<(usize, String, &str)> {
    let mut shown = Vec::new();
    let mut program: Option<String> = None;
    for (number, line) in page.lines().enumerate() {
        if line.starts_with("```") {
            program = (line == "```scheme").then(String::new);
        } else if let Some(text) = &mut program {
            match line.split_once("; => ") {
                Some((code, value)) => {
                    let text = std::mem::take(text) + code;
                    shown.push((number + 1, text, value.trim()));
                }
                None => text.extend([line, "\n"]),
            }
        }
    }
    shown
}

#[test]
fn programs_have_the_values_that_the_book_shows() {
    let mut complaints = Vec::new();
    let mut of_agents = 0;
    for (page, text) in pages() {
        for (line, program, value) in shown_values(&text) {
            of_agents += usize::from(page.ends_with("agents.md"));
            let found = match dmci::run_scheme(&program) {
                Ok(value) => value.to_scheme(),
                Err(error) => error.to_string(),
            };
            if found != value {
                complaints.push(format!(
                    "{page}:{line}: {program} is {found}, and the page shows {value}"
                ));
            }
        }
    }
    assert!(
        of_agents >= 30,
        "the page for agents has {of_agents} idioms, not thirty"
    );
    none(&complaints);
}

// ---- consoles --------------------------------------------------------------------------------

#[cfg(feature = "cli")]
mod consoles {
    use super::{none, pages};
    use crate::cli::directory;
    use std::fs;
    use std::io::{Read as _, Write as _};
    use std::path::Path;
    use std::process::{Command, Stdio};

    /// A command of a console, with what the page shows below it.
    struct Shown<'t> {
        line: usize,
        command: String,
        output: Vec<&'t str>,
    }

    /// The commands of a page, in order: the lines of fenced blocks that begin with `$ `. A line that
    /// ends in `\` goes on in the next.
    fn commands(page: &str) -> Vec<Shown<'_>> {
        let mut commands: Vec<Shown> = Vec::new();
        let (mut in_block, mut in_console, mut continued) = (false, false, false);
        for (number, line) in page.lines().enumerate() {
            if line.starts_with("```") {
                in_block = !in_block;
                in_console = false;
            } else if !in_block {
            } else if let Some(command) = line.strip_prefix("$ ") {
                in_console = true;
                continued = command.ends_with('\\');
                commands.push(Shown {
                    line: number + 1,
                    command: command.trim_end_matches('\\').to_owned(),
                    output: Vec::new(),
                });
            } else if in_console {
                let shown = commands.last_mut().expect("a command came before");
                if continued {
                    continued = line.ends_with('\\');
                    shown.command += line.trim_end_matches('\\');
                } else {
                    shown.output.push(line);
                }
            }
        }
        commands
    }

    /// The words of a command, quotes taken off; `|` is a word of its own.
    fn words(command: &str) -> Vec<String> {
        let mut words = Vec::new();
        let mut word = None;
        let mut quote = None;
        for c in command.chars() {
            match quote {
                Some(end) if c == end => quote = None,
                None if c == '\'' || c == '"' => {
                    quote = Some(c);
                    word.get_or_insert_default();
                }
                None if c.is_whitespace() => words.extend(word.take()),
                _ => word.get_or_insert_with(String::new).push(c),
            }
        }
        words.extend(word);
        words
    }

    /// What dmci prints, standard output and standard error in one, as a terminal shows them.
    fn dmci(folder: &Path, args: &[&str], input: &str) -> String {
        let (mut printed, writer) = std::io::pipe().expect("a pipe");
        let mut child = Command::new(env!("CARGO_BIN_EXE_dmci"))
            .args(args)
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(writer.try_clone().expect("a pipe"))
            .stderr(writer)
            .spawn()
            .expect("dmci starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        // Less than a pipe holds; a program that reads nothing may have closed it.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        let mut text = Vec::new();
        printed.read_to_end(&mut text).expect("it can be read");
        child.wait().expect("dmci ends");
        String::from_utf8_lossy(&text).into_owned()
    }

    /// What a command prints; nothing for `cat`, which writes the file that it shows.
    fn run(folder: &Path, shown: &Shown) -> Result<Option<String>, String> {
        let words = words(&shown.command);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words[..] {
            ["cat", file] => {
                let text = shown.output.join("\n") + "\n";
                fs::write(folder.join(file), text).map_err(|error| error.to_string())?;
                Ok(None)
            }
            ["dmci", ref args @ ..] => Ok(Some(dmci(folder, args, ""))),
            ["echo", text, "|", "dmci", ref args @ ..] => {
                Ok(Some(dmci(folder, args, &format!("{text}\n"))))
            }
            _ => Err(
                "a console in the book says `cat FILE`, `dmci …` or `echo 'TEXT' | dmci …`"
                    .to_owned(),
            ),
        }
    }

    /// Whether a text is a pattern in which `…` stands for anything, even nothing.
    fn matches(pattern: &str, text: &str) -> bool {
        let Some((first, rest)) = pattern.split_once('…') else {
            return pattern == text;
        };
        let Some(mut text) = text.strip_prefix(first) else {
            return false;
        };
        let mut parts: Vec<&str> = rest.split('…').collect();
        let last = parts.pop().unwrap_or_default();
        for part in parts {
            let Some((_, after)) = text.split_once(part) else {
                return false;
            };
            text = after;
        }
        text.ends_with(last)
    }

    #[test]
    fn patterns_match_what_they_say() {
        for (pattern, text) in [("a", "a"), ("a…c", "abbc"), ("a…", "a"), ("…b…", "abc")] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("a", "ab"), ("a…c", "abbd"), ("a…a", "a"), ("…x…", "abc")]
        {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn consoles_show_what_dmci_prints() {
        let mut complaints = Vec::new();
        let mut in_the_tutorial = 0;
        for (page, text) in pages() {
            // Blanks at the ends of lines are not seen, and pages have none.
            let trimmed = |text: &str| {
                let lines = text.trim_end().lines().map(str::trim_end);
                lines.collect::<Vec<_>>().join("\n")
            };
            let folder = directory(&page.replace(['/', '.'], "-"));
            for shown in commands(&text) {
                in_the_tutorial += usize::from(page.ends_with("tutorial.md"));
                let place = format!("{page}:{}: `$ {}`", shown.line, shown.command);
                let expected = trimmed(&shown.output.join("\n"));
                match run(&folder, &shown) {
                    Ok(Some(printed)) if !matches(&expected, &trimmed(&printed)) => {
                        complaints.push(format!(
                            "{place} prints\n{printed}\nand the page shows\n{expected}\n\
                             If dmci is right, copy what it prints; put `…` for what may differ"
                        ));
                    }
                    Ok(_) => {}
                    Err(complaint) => complaints.push(format!("{place}: {complaint}")),
                }
            }
        }
        assert!(in_the_tutorial > 8, "{in_the_tutorial} commands were found");
        none(&complaints);
    }
}
