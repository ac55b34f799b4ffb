//! Order in the files themselves: headers, lengths, tabs, and lists that must not drift apart.
//!
//! **Invariants**
//! - A complaint names the place and says what to do.
//! - What is wrong is reported all at once.

mod book;

use dmci::prim::Prim;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Files that may be longer than [`LONGEST`] lines without their tests: `machine.rs` is one match over
/// nodes.
const LONG: [&str; 1] = ["src/reference/machine.rs"];

const LONGEST: usize = 800;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The files below a folder with one of some extensions, as path and text.
fn files(folder: &str, extensions: &[&str]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open = vec![root().join(folder)];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            let entries = fs::read_dir(&path).expect("a folder can be read");
            open.extend(entries.map(|entry| entry.expect("an entry").path()));
        } else if path
            .extension()
            .is_some_and(|e| extensions.iter().any(|x| e == *x))
        {
            let name = path.strip_prefix(root()).expect("it is below the root");
            found.push((name.to_string_lossy().into_owned(), read(&path)));
        }
    }
    found.sort();
    assert!(!found.is_empty(), "{folder} has no files of {extensions:?}");
    found
}

/// A file up to the tests in it; a line that names a file of tests ends nothing.
fn without_tests(text: &str) -> &str {
    let mut tests = text.match_indices("\n#[cfg(test)]\nmod ");
    let end = tests.find(|(at, found)| {
        let rest = &text[at + found.len()..];
        rest.lines().next().is_some_and(|line| line.ends_with('{'))
    });
    &text[..end.map_or(text.len(), |(at, _)| at)]
}

/// Reports all that is wrong at once.
fn none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn every_file_says_what_it_is() {
    let sources = ["src", "tests", "benches", "examples", "capi"].map(|folder| {
        if root().join(folder).is_dir() {
            files(folder, &["rs"])
        } else {
            Vec::new()
        }
    });
    let complaints: Vec<String> = sources
        .iter()
        .flatten()
        .filter(|(_, text)| !text.starts_with("//! "))
        .map(|(name, _)| format!("{name} does not begin with `//!`"))
        .collect();
    none(&complaints);
}

#[test]
fn files_are_of_a_length_to_be_read() {
    let mut complaints = Vec::new();
    let mut excused = Vec::new();
    for (name, text) in files("src", &["rs"]) {
        let code = without_tests(&text);
        let lines = code.lines().count();
        if lines <= LONGEST {
            continue;
        }
        if LONG.contains(&name.as_str()) {
            excused.push(name);
        } else {
            complaints.push(format!(
                "{name} has {lines} lines without tests; look for the second subject in it"
            ));
        }
    }
    for name in LONG {
        if !excused.iter().any(|excused| excused == name) {
            complaints.push(format!(
                "{name} needs no excuse any more, or is gone: take it off the list"
            ));
        }
    }
    none(&complaints);
}

#[test]
fn nothing_is_written_with_tabs_or_ends_in_blanks() {
    let mut texts = files("src", &["rs", "md"]);
    texts.extend(files("tests/it", &["rs"]));
    texts.extend(files("examples", &["rs", "c"]));
    texts.extend(files("capi", &["rs", "c"]));
    texts.extend(files("include", &["h"]));
    texts.extend(files("bootstrap", &["scm"]));
    for name in ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "justfile"] {
        texts.push((name.to_owned(), read(&root().join(name))));
    }
    let mut complaints = Vec::new();
    for (name, text) in texts {
        for (number, line) in text.lines().enumerate() {
            if line.contains('\t') {
                complaints.push(format!("{name}:{}: a tab", number + 1));
            }
            if line.ends_with(' ') {
                complaints.push(format!("{name}:{}: a blank at the end", number + 1));
            }
        }
        if !text.ends_with('\n') {
            complaints.push(format!("{name}: no end of line at the end"));
        }
    }
    none(&complaints);
}

#[test]
fn public_modules_stand_in_the_crates_own_words() {
    let text = read(&root().join("src/lib.rs"));
    let docs: String = text
        .lines()
        .filter(|line| line.starts_with("//!"))
        .collect();
    // Those that the stages use, and that newcomers need not know first.
    let quiet = ["error", "prim", "source", "symbol", "cli"];
    let complaints: Vec<String> = text
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.split([';', ' ']).next())
        .filter(|name| !quiet.contains(name) && !docs.contains(&format!("[`{name}`]")))
        .map(|name| format!("lib.rs says nothing of `{name}`"))
        .collect();
    none(&complaints);
}

#[test]
fn the_readme_can_be_read_at_once() {
    let lines = read(&root().join("README.md")).lines().count();
    assert!(lines < 120, "README.md has {lines} lines");
}

#[test]
fn the_shared_corpus_is_whole() {
    let lines = read(&root().join("tests/corpus/public.jsonl"))
        .lines()
        .count();
    assert_eq!(lines, 724);
}

#[test]
fn regression_cases_are_programs() {
    for entry in fs::read_dir(root().join("tests/corpus/regression")).expect("it is there") {
        let path: PathBuf = entry.expect("an entry").path();
        let extension = path.extension().and_then(|e| e.to_str());
        assert!(
            matches!(extension, Some("scm" | "md")),
            "{}",
            path.display()
        );
    }
}

/// The words of a Scheme text that begin with `%`.
fn internal_names(text: &str) -> Vec<&str> {
    let mut names: Vec<&str> = text
        .lines()
        .filter_map(|line| line.split(';').next())
        .flat_map(|line| line.split(|c: char| c.is_whitespace() || "()'\"".contains(c)))
        .filter(|word| word.starts_with('%'))
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[test]
fn the_evaluator_uses_names_that_are_there() {
    let compiler = read(&root().join("bootstrap/compiler.scm"));
    let layout = read(&root().join("src/walk/layout.rs"));
    let (heads, prims): (Vec<&str>, Vec<&str>) = internal_names(&compiler)
        .into_iter()
        .partition(|name| compiler.contains(&format!("'{name})")));
    assert_eq!(heads.len(), 7, "the core forms: {heads:?}");
    for head in heads {
        assert!(
            layout.contains(&format!("reserve(\"{head}\")")),
            "nothing lays out `{head}`"
        );
    }
    for line in layout
        .lines()
        .filter(|line| line.contains("symbols.reserve(\""))
    {
        let head = line.split('"').nth(1).expect("a name");
        let clause = format!("(eq? head '{head})");
        assert!(
            compiler.contains(&clause),
            "the evaluator has no clause for `{head}`"
        );
    }
    for name in prims {
        assert!(
            Prim::from_internal_name(name).is_some(),
            "`{name}` is no primitive"
        );
        assert!(
            Prim::from_name(name).is_none(),
            "programs can name `{name}`"
        );
    }
}

#[test]
fn a_name_means_one_primitive() {
    let mut names: Vec<&str> = Prim::names().collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count, "a name stands in two rows");
    for &prim in Prim::ALL {
        let spec = prim.spec();
        assert_eq!(Prim::from_internal_name(spec.name), Some(prim));
        assert!(spec.doc.trim().ends_with('.'), "{prim}: {}", spec.doc);
        assert!(
            spec.max_args.is_none_or(|max| max >= spec.min_args),
            "{prim}"
        );
    }
    assert!(Prim::ALL.len() <= 256, "a primitive's number is a byte");
}

// ---- floors ----------------------------------------------------------------------------------

/// The rows of the code map in `pipeline.md`, from the bottom: the folders and files of each.
fn floors() -> Vec<Vec<String>> {
    let page = read(&root().join("src/docs/pipeline.md"));
    let (_, map) = page.split_once("## Code map").expect("it has a code map");
    let (_, rows) = map.split_once("|---|---|\n").expect("the map is a table");
    let names = |row: &str| -> Vec<String> {
        let cell = row.split('|').nth(1).unwrap_or_default();
        let places = cell.split('`').filter_map(|word| word.strip_prefix("src/"));
        places
            .map(|place| {
                place
                    .trim_end_matches(".rs")
                    .trim_end_matches('/')
                    .to_owned()
            })
            .collect()
    };
    let rows = rows.lines().take_while(|line| line.starts_with('|'));
    rows.map(names).collect()
}

/// The code of a file without comments, strings left as they are.
fn without_comments(text: &str) -> String {
    let code = text.lines().map(|line| match line.find("//") {
        Some(at) if !line[..at].ends_with(':') => &line[..at],
        _ => line,
    });
    code.collect::<Vec<_>>().join("\n")
}

/// The first names of all paths that begin with `prefix`: of `crate::{a::B, c}` they are `a` and `c`.
fn first_names<'t>(code: &'t str, prefix: &str) -> Vec<&'t str> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let mut names = Vec::new();
    for (at, _) in code.match_indices(prefix) {
        if code[..at].ends_with(|c: char| is_name(c) || c == '$' || c == ':') {
            continue;
        }
        let rest = &code[at + prefix.len()..];
        let Some(group) = rest.strip_prefix('{') else {
            names.push(rest.split(|c| !is_name(c)).next().unwrap_or_default());
            continue;
        };
        let (mut depth, mut begun) = (0, true);
        for (at, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => begun = true,
                c if begun && is_name(c) => {
                    let name = &group[at..];
                    names.push(name.split(|c| !is_name(c)).next().unwrap_or_default());
                    begun = false;
                }
                _ => {}
            }
        }
    }
    names.retain(|name| !name.is_empty() && *name != "self");
    names
}

/// Where the crate's root takes its names from: `Model` from `model`.
fn root_names() -> BTreeMap<String, String> {
    let code = without_comments(&read(&root().join("src/lib.rs")));
    let mut found = BTreeMap::new();
    for item in code
        .split(';')
        .filter_map(|item| item.trim().split_once("pub use "))
    {
        let (folder, names) = item.1.split_once("::").expect("names come from a folder");
        for name in names.split(|c: char| !c.is_alphanumeric() && c != '_') {
            found.insert(name.to_owned(), folder.to_owned());
        }
    }
    found
}

/// The folder, or the file at the top, that a source file belongs to.
fn room(file: &str) -> &str {
    let place = file.strip_prefix("src/").unwrap_or(file);
    let place = place.split('/').next().unwrap_or(place);
    place.trim_end_matches(".rs")
}

#[test]
fn imports_go_down_the_floors_of_the_code_map() {
    let floors = floors();
    let floor_of: BTreeMap<&str, usize> = floors
        .iter()
        .enumerate()
        .flat_map(|(floor, names)| names.iter().map(move |name| (name.as_str(), floor)))
        .collect();
    assert!(
        floor_of.len() > 10,
        "the code map was not understood: {floors:?}"
    );
    let roots = root_names();
    assert_eq!(roots.get("Model").map(String::as_str), Some("model"));
    let mut complaints = BTreeSet::new();
    let mut seen = BTreeSet::new();
    for (file, text) in files("src", &["rs"]) {
        let from = room(&file);
        seen.insert(from.to_owned());
        let Some(&floor) = floor_of.get(from) else {
            complaints.insert(format!(
                "{file}: `src/{from}` is in no row of the code map in src/docs/pipeline.md; add it to \
                 the row above all that it imports"
            ));
            continue;
        };
        for name in first_names(&without_comments(&text), "crate::") {
            let to = roots.get(name).map_or(name, String::as_str);
            match floor_of.get(to) {
                _ if to == from => {}
                Some(&below) if below < floor => {}
                Some(_) => {
                    complaints.insert(format!(
                        "{file} imports `{to}`, which is not below `{from}`: data go down and results \
                         come up. Move what it needs down, pass it in, or move the code up"
                    ));
                }
                None => {
                    complaints.insert(format!("{file} imports `{to}`, which is in no row"));
                }
            }
        }
    }
    for name in floor_of.keys().filter(|name| !seen.contains(**name)) {
        complaints.insert(format!("`src/{name}` of the code map is gone: take it off"));
    }
    none(&complaints.into_iter().collect::<Vec<_>>());
}
/// The files of a folder that a file of it imports by `super::`, or by `crate::` and the folder.
fn siblings<'t>(code: &'t str, folder: &str) -> BTreeSet<&'t str> {
    let path = folder
        .strip_prefix("src/")
        .unwrap_or(folder)
        .replace('/', "::");
    let mut names = first_names(code, "super::");
    names.extend(first_names(code, &format!("crate::{path}::")));
    names.into_iter().collect()
}

#[test]
fn files_of_a_folder_do_not_import_each_other_in_a_circle() {
    let mut folders: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for (file, text) in files("src", &["rs"]) {
        let (folder, name) = file.rsplit_once('/').expect("it is in a folder");
        let code = without_tests(&text);
        let name = name.trim_end_matches(".rs").to_owned();
        let code = without_comments(code);
        folders
            .entry(folder.to_owned())
            .or_default()
            .insert(name, code);
    }
    let mut complaints = Vec::new();
    for (folder, files) in &folders {
        let imports: BTreeMap<&str, BTreeSet<&str>> = files
            .iter()
            .filter(|(name, _)| !["mod", "lib", "main", "tests"].contains(&name.as_str()))
            .map(|(name, code)| {
                let mut names = siblings(code, folder);
                names.retain(|other| files.contains_key(*other) && *other != name);
                (name.as_str(), names)
            })
            .collect();
        for start in imports.keys() {
            let mut reached = BTreeSet::new();
            let mut open: Vec<&str> = imports[start].iter().copied().collect();
            while let Some(name) = open.pop() {
                if reached.insert(name) {
                    open.extend(imports.get(name).into_iter().flatten());
                }
            }
            if reached.contains(start) {
                complaints.push(format!(
                    "{folder}/{start}.rs imports itself by way of its neighbors ({reached:?}): give \
                     what they share a file that imports neither"
                ));
            }
        }
    }
    none(&complaints);
}
