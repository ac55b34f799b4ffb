//! The three theorems as properties of random programs: interpreting is running, its gradient is the
//! program's, and programs compose.

use crate::Effort;
use crate::generate::{Generated, INPUTS, generate, smooth_inputs, steep_inputs};
use crate::random::Random;
use crate::report::{Failure, Findings, Verdict};
use dmci::verify::{Status, Verdict as Certified, VerifyOptions, Way, verify_with};
use dmci::{
    Bindings, Error, Evaluation, Interpreter, Limits, Mode, Model, Registry, Workspace, Wrt,
};

/// Programs are of so many expressions, more or less.
const SIZE: usize = 14;
const FUEL: u64 = 20_000;

fn bindings(numbers: [f64; 3]) -> Bindings {
    INPUTS.into_iter().zip(numbers).collect()
}

/// What a program gives in a mode, by all its inputs.
fn answer(
    interpreter: &Interpreter,
    text: &str,
    inputs: &Bindings,
    mode: Mode,
    workspace: &mut Workspace,
) -> Result<Evaluation, Error> {
    let limits = Limits::default().fuel(FUEL);
    let model = interpreter.model_for(text, inputs, mode)?;
    model.evaluate(inputs, Wrt::Names(&INPUTS), &limits, workspace)
}

/// Bits, all NaNs being one.
fn bits(x: f64) -> u64 {
    if x.is_nan() {
        f64::NAN.to_bits()
    } else {
        x.to_bits()
    }
}

/// Whether two answers are the same: the value as it is written, every number's and derivative's bits; or
/// the kind and place of the error.
fn same(a: &Result<Evaluation, Error>, b: &Result<Evaluation, Error>) -> bool {
    match (a, b) {
        (Ok(a), Ok(b)) => {
            let numbers = |e: &Evaluation| e.value.numbers().map(bits).collect::<Vec<_>>();
            let slopes = |e: &Evaluation| {
                let all = INPUTS.iter().filter_map(|name| e.gradient.jacobian(name));
                all.flatten().copied().map(bits).collect::<Vec<_>>()
            };
            a.value.to_scheme() == b.value.to_scheme()
                && numbers(a) == numbers(b)
                && slopes(a) == slopes(b)
        }
        (Err(a), Err(b)) => a.kind() == b.kind() && a.span() == b.span(),
        _ => false,
    }
}

/// Interpreting a program is running it: random programs at inputs where branches turn.
fn correctness(programs: usize, findings: &mut Findings) {
    let interpreter = Interpreter::embedded();
    let mut workspace = Workspace::new();
    let (mut agree, mut failing) = ([0, 0], 0);
    for seed in 0..programs as u64 {
        let program = generate(seed, SIZE);
        let inputs = bindings(steep_inputs(&mut Random::new(seed)));
        let [run, compiled, nested] = [Mode::Interpreter, Mode::Direct, Mode::Nested]
            .map(|mode| answer(&interpreter, &program.source, &inputs, mode, &mut workspace));
        failing += usize::from(compiled.is_err());
        agree[0] += usize::from(same(&run, &compiled));
        agree[1] += usize::from(same(&nested, &compiled));
    }
    findings.row(
        "correctness: the compiled interpreter gives what the compiled program gives, to the bit",
        "proved",
        format!(
            "{} of {programs} programs, in itself {} ({failing} of them end in an error, the same at the same place)",
            agree[0], agree[1]
        ),
        Verdict::must(agree == [programs; 2]),
    );
}

/// The interpreter's gradient is the program's almost everywhere: certificates at random points.
fn gradients(programs: usize, findings: &mut Findings) {
    let interpreter = Interpreter::embedded();
    let options = VerifyOptions::default().limits(Limits::default().fuel(FUEL));
    let (mut seed, mut done, mut passed, mut failed) = (0, 0, 0, 0);
    let mut by_way = [0; 3];
    while done < programs {
        seed += 1;
        let program = generate(1_000_000 + seed, SIZE);
        let inputs = bindings(smooth_inputs(&mut Random::new(seed)));
        // Programs may fail, or come to what has no gradient.
        let Ok(certificate) = verify_with(&interpreter, &program.source, &inputs, &options) else {
            continue;
        };
        // `largest` says nothing of derivatives that are NaN, as those of infinite values are.
        let finite = certificate
            .constants
            .iter()
            .all(|constant| constant.derivative.is_finite());
        if !finite || !certificate.largest.is_finite() {
            continue;
        }
        done += 1;
        passed += usize::from(certificate.verdict == Certified::Pass);
        failed += usize::from(certificate.verdict == Certified::Fail);
        for check in &certificate.checks {
            let way = match check.way {
                Way::Direct => 0,
                Way::Reference => 1,
                Way::Central => 2,
                _ => continue,
            };
            by_way[way] += usize::from(check.status == Status::Pass);
        }
    }
    let [direct, reference, central] = by_way;
    findings.row(
        "gradient: the interpreter's is the program's almost everywhere",
        "proved",
        format!(
            "certified for {passed} of {done}, refuted for {failed}; to the bit in {direct}, by dfdx's tape in \
             {reference}, by central differences in {central}, the others too long or too rough to tell"
        ),
        Verdict::must(failed == 0 && direct == done),
    );
}

/// What two programs give one after the other: the value and derivatives by the chain rule of those of each.
fn chained(
    interpreter: &Interpreter,
    [inner, outer]: [&str; 2],
    inputs: &Bindings,
    workspace: &mut Workspace,
) -> Option<(f64, [f64; 3], f64)> {
    let slopes = |of: &Evaluation| -> Option<[f64; 3]> {
        let all: Vec<f64> = INPUTS
            .iter()
            .filter_map(|name| of.gradient.get(name))
            .collect();
        all.try_into().ok()
    };
    let first = answer(interpreter, inner, inputs, Mode::Interpreter, workspace).ok()?;
    let between = first.value.number()?;
    let mut others = inputs.clone();
    others.set("x", between);
    let second = answer(interpreter, outer, &others, Mode::Interpreter, workspace).ok()?;
    let (a, b) = (slopes(&first)?, slopes(&second)?);
    // Where a derivative is infinite there is no chain rule.
    if !a.iter().chain(&b).all(|slope| slope.is_finite()) {
        return None;
    }
    let product = [b[0] * a[0], b[0] * a[1] + b[1], b[0] * a[2] + b[2]];
    let size = (b[0] * a[0]).abs().max((b[0] * a[1]).abs() + b[1].abs());
    let size = size.max((b[0] * a[2]).abs() + b[2].abs());
    Some((second.value.number()?, product, size))
}

/// Programs compose: a model that calls a model has the value of one after the other, and derivatives by the
/// chain rule.
fn composition(pairs: usize, findings: &mut Findings) -> Result<(), Failure> {
    let interpreter = Interpreter::embedded();
    let mut workspace = Workspace::new();
    let (mut seed, mut done, mut values, mut slopes) = (0_u64, 0, 0, 0);
    let mut most = 0.0_f64;
    while done < pairs {
        seed += 1;
        let made: [Generated; 2] = [0, 1].map(|which| generate(2_000_000 + 2 * seed + which, SIZE));
        let texts = [&*made[0].source, &*made[1].source];
        let inputs = bindings(smooth_inputs(&mut Random::new(seed)));
        let Some((value, product, size)) = chained(&interpreter, texts, &inputs, &mut workspace)
        else {
            continue;
        };
        if !value.is_finite() || !size.is_finite() {
            continue;
        }
        let registry = Registry::new();
        for (name, text) in ["inner", "outer"].into_iter().zip(texts) {
            registry.insert(
                name,
                interpreter.model_for(text, &inputs, Mode::Interpreter)?,
            );
        }
        let Some(composed) = compose(&registry, &inputs)? else {
            continue;
        };
        let limits = Limits::default().fuel(4 * FUEL);
        let found = composed.evaluate(&inputs, Wrt::Names(&INPUTS), &limits, &mut workspace)?;
        done += 1;
        values += usize::from(found.value.number().map(bits) == Some(bits(value)));
        let pairs = INPUTS.iter().zip(product);
        let off = pairs.map(|(name, slope)| {
            let found = found.gradient.get(name).unwrap_or(f64::NAN);
            (found - slope).abs() / size.max(1e-300)
        });
        let off = off.fold(
            0.0,
            |worst: f64, off| if off <= worst { worst } else { off },
        );
        slopes += usize::from(off < 1e-10);
        most = most.max(off);
    }
    findings.row(
        "composition: a model that calls a model has its value to the bit, and the chain rule's gradient to 1e-10",
        "proved",
        format!("{values} and {slopes} of {done} pairs, relative difference {most:.1e} at most"),
        Verdict::must(values == done && slopes == done),
    );
    Ok(())
}

/// A model that calls the first with the inputs, and the second with what that gives in place of x; none where
/// one of them names what is bound nowhere, which would be an input of it.
fn compose(registry: &Registry, inputs: &Bindings) -> Result<Option<Model>, Failure> {
    let call = |name: &str, x: &str| -> Result<Option<String>, Failure> {
        let handle = registry.find(name).ok_or("the model was inserted")?;
        let model = registry.get(handle)?;
        let is_param = |name: &&String| model.params().iter().any(|param| param.name == **name);
        let wanted = model.inputs().iter().filter(|name| !is_param(name));
        let wanted: Vec<&str> = wanted.map(String::as_str).collect();
        if wanted.iter().any(|name| !INPUTS.contains(name)) {
            return Ok(None);
        }
        let arguments = wanted
            .into_iter()
            .map(|name| if name == "x" { x } else { name });
        let arguments: Vec<&str> = arguments.collect();
        Ok(Some(format!("(model \"{name}\" {})", arguments.join(" "))))
    };
    let Some(inner) = call("inner", "x")? else {
        return Ok(None);
    };
    let Some(text) = call("outer", &inner)? else {
        return Ok(None);
    };
    let interpreter = Interpreter::embedded().with_models(registry);
    Ok(Some(interpreter.model_for(
        &text,
        inputs,
        Mode::Interpreter,
    )?))
}

pub(crate) fn run(effort: Effort) -> Result<Findings, Failure> {
    let [programs, certified, pairs] =
        [(50_000, 3000), (2000, 60), (10_000, 1000)].map(|(whole, short)| effort.of(whole, short));
    let mut findings = Findings::new(format!(
        "Random programs of about {SIZE} expressions in three inputs: all core and derived forms, closures, lists, \
         macros, records, loops, soft choices, now and then a mistake. Values are compared at inputs at which \
         branches turn, gradients at points drawn from [-2, 2], where none does almost surely; where a derivative is \
         infinite or not a number there is none to compare."
    ));
    correctness(programs, &mut findings);
    gradients(certified, &mut findings);
    composition(pairs, &mut findings)?;
    Ok(findings)
}
