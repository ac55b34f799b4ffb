//! The vector-Jacobian product in C: what was computed, gone through backwards.
//!
//! A code goes in; the body of a function comes out that computes the value, keeping what each pass of a loop began
//! with on a tape, and then adds up each variable's adjoint from the last use to the first.
//!
//! **Invariants**
//! - Rules are those of the table of primitives, operation for operation.
//! - An arm of a branch that was not taken has no part.
//! - The tape is used like a stack: a loop takes off what it put on, a loop inside a pass before the pass does.

use super::c::{C, W, assign, begin, declare, give, kind, name_elements, place};
use super::code::{Atom, Body, Code, End, Form as InputForm, Step, Table, Var};
use super::words::{Language, Said, Writer, binds};
use crate::Error;
use crate::prim::{Prim, Real};
use std::cell::RefCell;
use std::ops::{Add, Div, Mul, Neg, Sub};

/// The body of the function.
pub(super) fn body(code: &Code, name: &str, source: &str) -> Result<String, Error> {
    let reserved = super::c::reserved(name);
    let mut writer = Writer::new(C, code, &reserved, source);
    name_elements(&mut writer);
    writer.indent = 4;
    begin(&mut writer, name);
    writer.line("memset(grad, 0, sizeof *grad);");
    let tape = code.steps.iter().any(has_loop);
    if tape {
        writer.line("\u{1}tape tape = {0};");
    }
    forward(&mut writer, &code.steps)?;
    give(&mut writer, code);
    declare_adjoints(&mut writer, &code.steps);
    let atoms = code.answer.atoms();
    if atoms.is_empty() {
        writer.line("(void)ct;");
    }
    for (at, atom) in atoms.into_iter().enumerate() {
        add(&mut writer, atom, &format!("ct[{at}]"));
    }
    writer.line("(void)ct;");
    reverse(&mut writer, &code.steps)?;
    if tape {
        writer.line("free(tape.at);");
    }
    writer.line("return 0;");
    Ok(writer.out)
}

fn has_loop(step: &Step) -> bool {
    match step {
        Step::Repeat { .. } | Step::Loop { .. } => true,
        Step::If {
            then, otherwise, ..
        } => then.steps.iter().chain(&otherwise.steps).any(has_loop),
        Step::Op { .. } | Step::Select { .. } | Step::Look { .. } => false,
    }
}

/// Where the adjoint of a variable is.
fn adjoint(writer: &mut W<'_>, var: Var) -> String {
    for (given, input) in writer.code.given.iter().zip(&writer.inputs) {
        if let Some(place) = given.vars.iter().position(|&own| own == var) {
            return match given.form {
                InputForm::Number => format!("grad->{input}"),
                _ => format!("grad->{input}[{place}]"),
            };
        }
    }
    format!("d_{}", writer.name(var))
}

/// Adds to the adjoint of an atom.
fn add(writer: &mut W<'_>, atom: Atom, what: &str) {
    if let Atom::Var(var) = atom
        && !writer.is_bool(var)
    {
        let adjoint = adjoint(writer, var);
        writer.line(format!("{adjoint} += {what};"));
    }
}

/// Declares the adjoints of what steps give.
fn declare_adjoints(writer: &mut W<'_>, steps: &[Step]) {
    let vars: Vec<Var> = steps
        .iter()
        .flat_map(|step| step.gives().to_vec())
        .collect();
    for var in vars {
        if !writer.is_bool(var) {
            let adjoint = adjoint(writer, var);
            writer.line(format!("double {adjoint} = 0.0;"));
        }
    }
}

/// Steps, each with a line of its own, as they are needed backwards; passes of loops are put on the tape.
fn forward(writer: &mut W<'_>, steps: &[Step]) -> Result<(), Error> {
    for step in steps {
        if let Some((var, said)) = writer.said(step)? {
            let (kind, name) = (kind(writer, var), writer.name(var));
            writer.line(format!("const {kind} {name} = {};", said.text));
            continue;
        }
        match step {
            Step::If {
                vars,
                test,
                then,
                otherwise,
            } => {
                let test = writer.atom_as(*test, true);
                declare(writer, vars, None);
                writer.line(format!("if ({}) {{", test.text));
                for (at, arm) in [then, otherwise].into_iter().enumerate() {
                    if at == 1 {
                        writer.line("} else {");
                    }
                    writer.indent += 4;
                    // What an arm's loops put on the tape is put there again when the arm is gone back through.
                    let mark = arm
                        .steps
                        .iter()
                        .any(has_loop)
                        .then(|| writer.names.fresh("mark"));
                    if let Some(mark) = &mark {
                        writer.line(format!("const size_t {mark} = tape.len;"));
                    }
                    forward(writer, &arm.steps)?;
                    assign(writer, vars, &arm.results);
                    if let Some(mark) = &mark {
                        writer.line(format!("tape.len = {mark};"));
                    }
                    writer.indent -= 4;
                }
                writer.line("}");
            }
            Step::Repeat {
                vars,
                inits,
                body,
                passes,
            } => {
                declare(writer, vars, Some(inits));
                let pass = writer.names.fresh("pass");
                writer.line(format!(
                    "for (long {pass} = 0; {pass} < {passes}; {pass}++) {{"
                ));
                writer.indent += 4;
                push(writer, vars);
                inner(writer, &body.steps, |writer| {
                    assign(writer, vars, &body.results);
                    Ok(())
                })?;
                writer.indent -= 4;
                writer.line("}");
            }
            Step::Loop {
                vars,
                inits,
                body,
                outs,
            } => {
                declare(writer, outs, None);
                declare(writer, vars, Some(inits));
                let count = counter(writer, outs, vars);
                writer.line(format!("long {count} = 0;"));
                writer.line("for (;;) {");
                writer.indent += 4;
                push(writer, vars);
                writer.line(format!("{count}++;"));
                passes(writer, body, (vars, outs))?;
                writer.indent -= 4;
                writer.line("}");
            }
            Step::Op { .. } | Step::Select { .. } | Step::Look { .. } => {}
        }
    }
    Ok(())
}

/// Steps of a pass whose inner loops leave nothing on the tape.
fn inner(
    writer: &mut W<'_>,
    steps: &[Step],
    then: impl FnOnce(&mut W<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    let mark = steps
        .iter()
        .any(has_loop)
        .then(|| writer.names.fresh("mark"));
    if let Some(mark) = &mark {
        writer.line(format!("const size_t {mark} = tape.len;"));
    }
    forward(writer, steps)?;
    if let Some(mark) = &mark {
        writer.line(format!("tape.len = {mark};"));
    }
    then(writer)
}

/// What the counter of a loop's passes is called: by the loop's first variable, so that it is found again.
fn counter(writer: &mut W<'_>, outs: &[Var], vars: &[Var]) -> String {
    let var = outs.first().or(vars.first()).copied();
    match var {
        Some(var) => format!("passes_{}", writer.name(var)),
        None => "passes_of_none".to_owned(),
    }
}

fn push(writer: &mut W<'_>, vars: &[Var]) {
    for &var in vars {
        let name = writer.name(var);
        writer.line(format!(
            "if (\u{1}push(&tape, {name})) {{ free(tape.at); return 1; }}"
        ));
    }
}

/// Takes a pass's variables off the tape.
fn pop(writer: &mut W<'_>, vars: &[Var]) {
    for &var in vars.iter().rev() {
        let (kind, name) = (kind(writer, var), writer.name(var));
        writer.line(format!("const {kind} {name} = tape.at[--tape.len];"));
        writer.line(format!("(void){name};"));
    }
}

fn passes(writer: &mut W<'_>, body: &Body, vars: (&[Var], &[Var])) -> Result<(), Error> {
    inner(writer, &body.steps, |writer| match &body.end {
        End::Exit(atoms) => {
            assign(writer, vars.1, atoms);
            writer.line("break;");
            Ok(())
        }
        End::Again(atoms) => {
            assign(writer, vars.0, atoms);
            Ok(())
        }
        End::If(test, then, otherwise) => {
            let test = writer.atom_as(*test, true);
            writer.line(format!("if ({}) {{", test.text));
            writer.indent += 4;
            passes(writer, then, vars)?;
            writer.indent -= 4;
            writer.line("} else {");
            writer.indent += 4;
            passes(writer, otherwise, vars)?;
            writer.indent -= 4;
            writer.line("}");
            Ok(())
        }
    })
}

/// Goes back through steps.
fn reverse(writer: &mut W<'_>, steps: &[Step]) -> Result<(), Error> {
    for step in steps.iter().rev() {
        match step {
            Step::Op { var, prim, args } => {
                if !writer.is_bool(*var) {
                    rule(writer, *var, *prim, *args);
                }
            }
            Step::Select {
                var,
                test,
                then,
                otherwise,
            } => {
                if writer.is_bool(*var) {
                    continue;
                }
                let ct = adjoint(writer, *var);
                let test = writer.atom_as(*test, true);
                for (atom, not) in [(*then, ""), (*otherwise, "!")] {
                    if atom.var().is_some() {
                        writer.line(format!("if ({not}({}))", test.text));
                        writer.indent += 4;
                        add(writer, atom, &ct);
                        writer.indent -= 4;
                    }
                }
            }
            Step::Look {
                var,
                table:
                    Table::Input {
                        input,
                        offset,
                        stride,
                    },
                index,
            } => {
                let ct = adjoint(writer, *var);
                let index = writer.atom(*index);
                let name = &writer.inputs[*input];
                let table = format!("grad->{name}\0{offset}\0{stride}\0{input}");
                let place = place(&table, &index.within(binds::PRODUCT));
                writer.line(format!("{place} += {ct};"));
            }
            Step::Look { .. } => {}
            Step::If {
                vars,
                test,
                then,
                otherwise,
            } => {
                let test = writer.atom_as(*test, true);
                writer.line(format!("if ({}) {{", test.text));
                for (at, arm) in [then, otherwise].into_iter().enumerate() {
                    if at == 1 {
                        writer.line("} else {");
                    }
                    writer.indent += 4;
                    forward(writer, &arm.steps)?;
                    declare_adjoints(writer, &arm.steps);
                    hand_on(writer, vars, &arm.results);
                    reverse(writer, &arm.steps)?;
                    writer.indent -= 4;
                }
                writer.line("}");
            }
            Step::Repeat {
                vars,
                inits,
                body,
                passes,
            } => {
                let pass = writer.names.fresh("pass");
                writer.line(format!(
                    "for (long {pass} = 0; {pass} < {passes}; {pass}++) {{"
                ));
                writer.indent += 4;
                pop(writer, vars);
                let before = taken(writer, vars);
                forward(writer, &body.steps)?;
                declare_adjoints(writer, &body.steps);
                for (&atom, ct) in body.results.iter().zip(&before) {
                    if let Some(ct) = ct {
                        add(writer, atom, ct);
                    }
                }
                reverse(writer, &body.steps)?;
                writer.indent -= 4;
                writer.line("}");
                hand_on(writer, vars, inits);
            }
            Step::Loop {
                vars,
                inits,
                body,
                outs,
            } => {
                for &var in vars {
                    if !writer.is_bool(var) {
                        let adjoint = adjoint(writer, var);
                        writer.line(format!("double {adjoint} = 0.0;"));
                    }
                }
                let count = counter(writer, outs, vars);
                writer.line(format!("while ({count}-- > 0) {{"));
                writer.indent += 4;
                pop(writer, vars);
                let before = taken(writer, vars);
                back(writer, body, &before, outs)?;
                writer.indent -= 4;
                writer.line("}");
                hand_on(writer, vars, inits);
            }
        }
    }
    Ok(())
}

/// Hands the adjoints of variables on to what they had their values of.
fn hand_on(writer: &mut W<'_>, vars: &[Var], atoms: &[Atom]) {
    for (&var, &atom) in vars.iter().zip(atoms) {
        if !writer.is_bool(var) {
            let ct = adjoint(writer, var);
            add(writer, atom, &ct);
        }
    }
}

/// The adjoints of a loop's variables behind a pass, which are 0 from here on: those before it are added up anew.
fn taken(writer: &mut W<'_>, vars: &[Var]) -> Vec<Option<String>> {
    let mut names = Vec::with_capacity(vars.len());
    for &var in vars {
        if writer.is_bool(var) {
            names.push(None);
            continue;
        }
        let adjoint = adjoint(writer, var);
        let name = writer.names.fresh(&format!("after_{adjoint}"));
        writer.line(format!("const double {name} = {adjoint};"));
        writer.line(format!("(void){name};"));
        names.push(Some(name));
    }
    for &var in vars {
        if !writer.is_bool(var) {
            let adjoint = adjoint(writer, var);
            writer.line(format!("{adjoint} = 0.0;"));
        }
    }
    names
}

/// Goes back through a pass.
fn back(
    writer: &mut W<'_>,
    body: &Body,
    before: &[Option<String>],
    outs: &[Var],
) -> Result<(), Error> {
    forward(writer, &body.steps)?;
    declare_adjoints(writer, &body.steps);
    match &body.end {
        End::Exit(atoms) => hand_on(writer, outs, atoms),
        End::Again(atoms) => {
            for (&atom, ct) in atoms.iter().zip(before) {
                if let Some(ct) = ct {
                    add(writer, atom, ct);
                }
            }
        }
        End::If(test, then, otherwise) => {
            let test = writer.atom_as(*test, true);
            writer.line(format!("if ({}) {{", test.text));
            writer.indent += 4;
            back(writer, then, before, outs)?;
            writer.indent -= 4;
            writer.line("} else {");
            writer.indent += 4;
            back(writer, otherwise, before, outs)?;
            writer.indent -= 4;
            writer.line("}");
        }
    }
    reverse(writer, &body.steps)
}

// ---- rules ---------------------------------------------------------------------------------------

/// A number of a rule, as C says it.
#[derive(Clone, Copy)]
struct Term<'a> {
    said: &'a RefCell<Vec<Said>>,
    at: usize,
}

impl Term<'_> {
    fn text(self) -> String {
        self.said.borrow()[self.at].text.clone()
    }

    fn constant(self) -> Option<f64> {
        self.said.borrow()[self.at].constant
    }
}

impl Real for Term<'_> {
    fn lift(self, x: f64) -> Self {
        let said = Said {
            constant: Some(x),
            ..C.number(x)
        };
        self.said.borrow_mut().push(said);
        Self {
            at: self.said.borrow().len() - 1,
            ..self
        }
    }

    fn apply(self, prim: Prim, other: Self) -> Self {
        let formed = {
            let all = self.said.borrow();
            let both = prim.operands() > 1;
            C.form(prim)
                .map(|form| super::words::formed(&C, form, &all[self.at], &all[other.at], both))
        };
        // Rules use no primitive that has no form.
        let formed = formed.unwrap_or_else(|| Said::whole("NAN"));
        self.said.borrow_mut().push(formed);
        Self {
            at: self.said.borrow().len() - 1,
            ..self
        }
    }

    fn select(self, then: Self, otherwise: Self) -> Self {
        if let Some(test) = self.constant() {
            return if test == 0.0 { otherwise } else { then };
        }
        let text = format!(
            "(({}) != 0 ? {} : {})",
            self.text(),
            then.text(),
            otherwise.text()
        );
        self.said.borrow_mut().push(Said::whole(text));
        Self {
            at: self.said.borrow().len() - 1,
            ..self
        }
    }
}

impl Add for Term<'_> {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        self.apply(Prim::Add, other)
    }
}

impl Sub for Term<'_> {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self.apply(Prim::Sub, other)
    }
}

impl Mul for Term<'_> {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        self.apply(Prim::Mul, other)
    }
}

impl Div for Term<'_> {
    type Output = Self;

    fn div(self, other: Self) -> Self {
        self.apply(Prim::Div, other)
    }
}

impl Neg for Term<'_> {
    type Output = Self;

    fn neg(self) -> Self {
        self.apply(Prim::Neg, self)
    }
}

/// Adds what an operation's adjoint gives its arguments.
fn rule(writer: &mut W<'_>, var: Var, prim: Prim, args: [Atom; 2]) {
    let ct = adjoint(writer, var);
    let y = writer.name(var);
    let [a, b] = args.map(|atom| writer.atom(atom));
    let said = RefCell::new(vec![a, b, Said::whole(y), Said::whole(ct)]);
    let [a, b, y, ct] = [0, 1, 2, 3].map(|at| Term { said: &said, at });
    let Some(cotangents) = prim.vjp(a, b, y, ct) else {
        return;
    };
    let counts = prim.counts(a, b);
    let used = prim.operands().clamp(1, 2);
    for at in 0..used {
        let test = counts.as_ref().map(|counts| counts[at]);
        match test.map(|test| (test.constant(), test.text())) {
            None => add(writer, args[at], &cotangents[at].text()),
            Some((Some(holds), _)) => {
                if holds != 0.0 {
                    add(writer, args[at], &cotangents[at].text());
                }
            }
            Some((None, test)) => {
                if args[at].var().is_some_and(|var| !writer.is_bool(var)) {
                    writer.line(format!("if (({test}) != 0)"));
                    writer.indent += 4;
                    add(writer, args[at], &cotangents[at].text());
                    writer.indent -= 4;
                }
            }
        }
    }
}
