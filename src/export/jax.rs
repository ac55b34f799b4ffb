//! JAX: a function for `jax.jit`, `jax.grad` and `jax.vmap`.
//!
//! **Invariants**
//! - A branch is a `lax.cond`, so that the arm not taken has no part in the derivative.
//! - A loop whose passes are counted is a `lax.scan`, which is differentiated both ways; any other is a
//!   `lax.while_loop`, which is differentiated forwards alone.

use super::code::{Atom, Body, Code, End, Step, Var};
use super::python::{answer, arithmetic, bool_, docstring, elements, numbers, reserved, signature};
use super::words::{Form, Language, Said, Writer, binds, flat_index, of_input};
use crate::Error;
use crate::prim::Prim;

struct Jax;

impl Language for Jax {
    fn name(&self) -> &'static str {
        "JAX"
    }

    fn form(&self, prim: Prim) -> Option<Form> {
        if let Some(form) = arithmetic(prim) {
            return Some(form);
        }
        let call = |name| Some(Form::Call(name));
        let text = |text| Some(Form::Text(text, binds::WHOLE));
        match prim {
            Prim::Abs => call("jnp.abs"),
            Prim::Floor => call("jnp.floor"),
            Prim::Ceiling => call("jnp.ceil"),
            Prim::Round => call("jnp.rint"),
            Prim::Truncate => call("jnp.trunc"),
            Prim::Sin => call("jnp.sin"),
            Prim::Cos => call("jnp.cos"),
            Prim::Tan => call("jnp.tan"),
            Prim::Asin => call("jnp.arcsin"),
            Prim::Acos => call("jnp.arccos"),
            Prim::Atan => call("jnp.arctan"),
            Prim::Sinh => call("jnp.sinh"),
            Prim::Cosh => call("jnp.cosh"),
            Prim::Tanh => call("jnp.tanh"),
            Prim::Exp => call("jnp.exp"),
            Prim::Ln => call("jnp.log"),
            Prim::Sqrt => call("jnp.sqrt"),
            Prim::NormAtZero => text("lax.stop_gradient(jnp.sqrt({a}))"),
            Prim::Square => call("jnp.square"),
            Prim::Sigmoid => call("jax.nn.sigmoid"),
            Prim::SigmoidSlope => text("(jax.nn.sigmoid({a}) * jax.nn.sigmoid(-({a})))"),
            Prim::Softplus => text("jnp.logaddexp(0.0, {a})"),
            Prim::LogSigmoid => text("(-jnp.logaddexp(0.0, -({a})))"),
            Prim::NotBelowZero => text("jnp.where({a} < 0, jnp.nan, {a})"),
            Prim::Log1p => call("jnp.log1p"),
            Prim::Expm1 => call("jnp.expm1"),
            Prim::Log1mexp => call("_log1mexp"),
            Prim::Logit => call("jax.scipy.special.logit"),
            Prim::Exp2 => call("jnp.exp2"),
            Prim::Log2 => call("jnp.log2"),
            Prim::Log10 => call("jnp.log10"),
            Prim::Asinh => call("jnp.arcsinh"),
            Prim::Acosh => call("jnp.arccosh"),
            Prim::Atanh => call("jnp.arctanh"),
            Prim::Cbrt => call("jnp.cbrt"),
            Prim::Sinc => text("jnp.sinc(({a}) / jnp.pi)"),
            Prim::Erf => call("jax.scipy.special.erf"),
            Prim::Erfc => call("jax.scipy.special.erfc"),
            Prim::LogNormalCdf => call("jax.scipy.special.log_ndtr"),
            Prim::Lgamma => call("jax.scipy.special.gammaln"),
            Prim::Digamma => call("jax.scipy.special.digamma"),
            Prim::Trigamma => text("jax.scipy.special.polygamma(1, {a})"),
            Prim::Lbeta => call("jax.scipy.special.betaln"),
            Prim::Sign => call("jnp.sign"),
            Prim::Detach => call("lax.stop_gradient"),
            Prim::StraightThrough => text("(({b}) + lax.stop_gradient(({a}) - ({b})))"),
            Prim::Min => call("jnp.minimum"),
            Prim::Max => call("jnp.maximum"),
            Prim::Quotient => text("jnp.trunc(({a}) / ({b}))"),
            Prim::FloorQuotient => text("jnp.floor(({a}) / ({b}))"),
            Prim::Remainder => call("jnp.fmod"),
            Prim::Modulo => call("jnp.mod"),
            Prim::Atan2 => call("jnp.arctan2"),
            Prim::LogBase => text("(jnp.log({a}) / jnp.log({b}))"),
            Prim::Pow => call("jnp.power"),
            Prim::Hypot => call("jnp.hypot"),
            Prim::Gcd => {
                text("jnp.gcd(jnp.asarray({a}, int), jnp.asarray({b}, int)).astype(float)")
            }
            Prim::Lcm => {
                text("jnp.lcm(jnp.asarray({a}, int), jnp.asarray({b}, int)).astype(float)")
            }
            Prim::Not => call("jnp.logical_not"),
            Prim::Both => call("jnp.logical_and"),
            Prim::Either => call("jnp.logical_or"),
            Prim::IsEven => text("(jnp.fmod({a}, 2) == 0)"),
            Prim::IsOdd => text("(jnp.fmod({a}, 2) != 0)"),
            Prim::IsInteger => text("(jnp.isfinite({a}) & (({a}) == jnp.trunc({a})))"),
            _ => None,
        }
    }

    fn number(&self, x: f64) -> Said {
        super::python::number(x, "jnp")
    }

    fn bool(&self, holds: bool) -> Said {
        bool_(holds)
    }

    fn select(&self, test: &Said, then: &Said, otherwise: &Said, _: bool) -> Said {
        let text = format!(
            "jnp.where({}, {}, {})",
            test.text, then.text, otherwise.text
        );
        Said::of(text, binds::WHOLE, &[test, then, otherwise])
    }

    fn look(&self, table: &str, index: &Said) -> Said {
        let text = match of_input(table) {
            Some((name, offset, stride, _)) if table.contains('\0') => {
                let index = flat_index(offset, stride, &index.within(binds::PRODUCT));
                format!("{name}.reshape(-1)[jnp.asarray({index}, int)]")
            }
            _ => format!("{table}[jnp.asarray({}, int)]", index.text),
        };
        Said::of(text, binds::WHOLE, &[index])
    }
}

const OWN: &[&str] = &["_log1mexp", "go"];

/// The function.
pub(super) fn text(code: &Code, name: &str, source: &str) -> Result<String, Error> {
    let reserved = reserved(OWN, name);
    let mut writer = Writer::new(Jax, code, &reserved, source);
    let signature = signature(code, &writer.inputs);
    writer.line(format!("def {name}({signature}):"));
    writer.indent = 4;
    let what = "A program as dmci exports it, of one number for each argument: `jax.vmap` takes it over arrays.";
    docstring(&mut writer, what);
    for input in writer.inputs.clone() {
        writer.line(format!("{input} = jnp.asarray({input}, float)"));
    }
    let start = writer.out.len();
    elements(&mut writer, "");
    steps(&mut writer, &code.steps, &code.answer.atoms())?;
    let back = answer(&mut writer, &code.answer, &|numbers, shape| {
        format!("jnp.stack([jnp.asarray(x, float) for x in {numbers}]).reshape({shape})")
    })?;
    let body = writer.out.split_off(start);
    for (table, all) in writer.tables.clone() {
        writer.line(format!("{table} = jnp.array({})", numbers(&all)));
    }
    writer.out.push_str(&body);
    writer.line(format!("return {back}"));
    let mut head =
        "# With jax.config.update(\"jax_enable_x64\", True) numbers are doubles, as dmci's are.\n"
            .to_owned();
    if writer.out.contains("jax.") || writer.out.contains("_log1mexp") {
        head.push_str("import jax\n");
    }
    head.push_str("import jax.numpy as jnp\n");
    if writer.out.contains("lax.") {
        head.push_str("from jax import lax\n");
    }
    if writer.out.contains("_log1mexp(") {
        head.push_str(
            "\n\ndef _log1mexp(x):\n    near = x > -0.6931471805599453\n    \
             a, b = jnp.where(near, x, -1.0), jnp.where(near, -1.0, x)\n    \
             return jnp.where(near, jnp.log(-jnp.expm1(a)), jnp.log1p(-jnp.exp(b)))\n",
        );
    }
    Ok(format!("{head}\n\n{}", writer.out))
}

type W<'a> = Writer<'a, Jax>;

fn steps(writer: &mut W<'_>, all: &[Step], results: &[Atom]) -> Result<(), Error> {
    writer.steps(all, results, &mut |writer, step| control(writer, step))
}

/// Values of the types that their variables have.
fn values(writer: &mut W<'_>, vars: &[Var], atoms: &[Atom]) -> Vec<String> {
    let said = |writer: &mut W<'_>, (&var, &atom): (&Var, &Atom)| {
        let is_bool = writer.is_bool(var);
        let said = writer.atom_as(atom, is_bool);
        match (atom.constant(), is_bool) {
            (Some(_), true) => format!("jnp.asarray({})", said.text),
            (Some(_), false) => format!("jnp.asarray({}, float)", said.text),
            (None, _) => said.text,
        }
    };
    vars.iter()
        .zip(atoms)
        .map(|pair| said(writer, pair))
        .collect()
}

/// `(a, b)`; also of one.
fn tuple(items: &[String]) -> String {
    match items {
        [one] => format!("({one},)"),
        all => format!("({})", all.join(", ")),
    }
}

fn control(writer: &mut W<'_>, step: &Step) -> Result<(), Error> {
    match step {
        Step::If {
            vars,
            test,
            then,
            otherwise,
        } => {
            let test = writer.atom_as(*test, true);
            let names = writer.named(vars);
            let arms = [writer.names.fresh("then"), writer.names.fresh("otherwise")];
            for (arm, block) in arms.iter().zip([then, otherwise]) {
                writer.line("");
                writer.line(format!("def {arm}():"));
                writer.indent += 4;
                steps(writer, &block.steps, &block.results)?;
                let results = values(writer, vars, &block.results);
                writer.line(format!("return {}", tuple(&results)));
                writer.indent -= 4;
            }
            writer.line("");
            writer.line(format!(
                "{} = lax.cond({}, {}, {})",
                tuple(&names),
                test.text,
                arms[0],
                arms[1]
            ));
        }
        Step::Repeat {
            vars,
            inits,
            body,
            passes,
        } => {
            let first = values(writer, vars, inits);
            let names = writer.named(vars);
            let each = writer.names.fresh("each");
            writer.line("");
            writer.line(format!("def {each}(last, _):"));
            writer.indent += 4;
            writer.line(format!("{} = last", tuple(&names)));
            steps(writer, &body.steps, &body.results)?;
            let next = values(writer, vars, &body.results);
            writer.line(format!("return {}, None", tuple(&next)));
            writer.indent -= 4;
            writer.line("");
            writer.line(format!(
                "{}, _ = lax.scan({each}, {}, None, length={passes})",
                tuple(&names),
                tuple(&first)
            ));
        }
        Step::Loop {
            vars,
            inits,
            body,
            outs,
        } => {
            let all: Vec<Var> = vars.iter().chain(outs).copied().collect();
            let nothing = |writer: &W<'_>, var: &Var| {
                Atom::Constant(if writer.is_bool(*var) { 0.0 } else { f64::NAN })
            };
            let mut first = inits.clone();
            first.extend(outs.iter().map(|var| nothing(writer, var)));
            let first = values(writer, &all, &first);
            let names = writer.named(&all);
            let each = writer.names.fresh("each");
            writer.line("");
            writer.line(format!("def {each}(state):"));
            writer.indent += 4;
            writer.line(format!("_, {} = state", tuple(&names)));
            pass(writer, body, (vars, outs))?;
            writer.indent -= 4;
            writer.line("");
            let state = format!("(jnp.asarray(True), {})", tuple(&first));
            writer.line(format!(
                "_, {} = lax.while_loop(lambda state: state[0], {each}, {state})",
                tuple(&names)
            ));
        }
        Step::Op { .. } | Step::Select { .. } | Step::Look { .. } => {}
    }
    Ok(())
}

fn pass(writer: &mut W<'_>, body: &Body, vars: (&[Var], &[Var])) -> Result<(), Error> {
    match &body.end {
        End::Exit(atoms) => {
            steps(writer, &body.steps, atoms)?;
            let mut state = writer.named(vars.0);
            state.extend(values(writer, vars.1, atoms));
            writer.line(format!("return jnp.asarray(False), {}", tuple(&state)));
        }
        End::Again(atoms) => {
            steps(writer, &body.steps, atoms)?;
            let mut state = values(writer, vars.0, atoms);
            state.extend(writer.named(vars.1));
            writer.line(format!("return jnp.asarray(True), {}", tuple(&state)));
        }
        End::If(test, then, otherwise) => {
            steps(writer, &body.steps, &[*test])?;
            let test = writer.atom_as(*test, true);
            let arms = [writer.names.fresh("then"), writer.names.fresh("otherwise")];
            for (arm, body) in arms.iter().zip([then, otherwise]) {
                writer.line("");
                writer.line(format!("def {arm}():"));
                writer.indent += 4;
                pass(writer, body, vars)?;
                writer.indent -= 4;
            }
            writer.line("");
            writer.line(format!(
                "return lax.cond({}, {}, {})",
                test.text, arms[0], arms[1]
            ));
        }
    }
    Ok(())
}
