//! C99: a function, and its vector-Jacobian product.
//!
//! **Invariants**
//! - Inputs are a struct, so that they are named and params have defaults: `(program_in){PROGRAM_DEFAULTS, .x = 1}`.
//! - Nothing but the C library's own mathematics is needed; what it has not is defined where it is used.

use super::code::{Atom, Body, Code, End, Form as InputForm, Step, Var};
use super::words::{Form, Language, Said, Writer, binds, flat_index, of_input};
use crate::Error;
use crate::prim::Prim;
use std::fmt::Write as _;

pub(super) struct C;

impl Language for C {
    fn name(&self) -> &'static str {
        "C"
    }

    fn form(&self, prim: Prim) -> Option<Form> {
        let call = |name| Some(Form::Call(name));
        let infix = |op, binds, loose| Some(Form::Infix(op, binds, loose));
        let text = |text| Some(Form::Text(text, binds::WHOLE));
        match prim {
            Prim::Add => infix("+", binds::SUM, false),
            Prim::Sub => infix("-", binds::SUM, false),
            Prim::Mul => infix("*", binds::PRODUCT, false),
            Prim::Div => infix("/", binds::PRODUCT, false),
            // A space keeps two signs from being one operator.
            Prim::Neg => Some(Form::Text("(-({a}))", binds::WHOLE)),
            Prim::NumEq => text("(({a}) == ({b}))"),
            Prim::Lt => text("(({a}) < ({b}))"),
            Prim::Gt => text("(({a}) > ({b}))"),
            Prim::Le => text("(({a}) <= ({b}))"),
            Prim::Ge => text("(({a}) >= ({b}))"),
            Prim::IsZero | Prim::Not => text("(({a}) == 0)"),
            Prim::IsPositive => text("(({a}) > 0)"),
            Prim::IsNegative => text("(({a}) < 0)"),
            Prim::Both => text("(({a}) != 0 && ({b}) != 0)"),
            Prim::Either => text("(({a}) != 0 || ({b}) != 0)"),
            Prim::IsEven => text("(fmod({a}, 2) == 0)"),
            Prim::IsOdd => text("(fmod({a}, 2) != 0)"),
            Prim::IsInteger => text("(isfinite({a}) && ({a}) == trunc({a}))"),
            Prim::Abs => call("fabs"),
            Prim::Floor => call("floor"),
            Prim::Ceiling => call("ceil"),
            Prim::Round => call("nearbyint"),
            Prim::Truncate => call("trunc"),
            Prim::Sin => call("sin"),
            Prim::Cos => call("cos"),
            Prim::Tan => call("tan"),
            Prim::Asin => call("asin"),
            Prim::Acos => call("acos"),
            Prim::Atan => call("atan"),
            Prim::Sinh => call("sinh"),
            Prim::Cosh => call("cosh"),
            Prim::Tanh => call("tanh"),
            Prim::Exp => call("exp"),
            Prim::Ln => call("log"),
            Prim::Sqrt | Prim::NormAtZero => call("sqrt"),
            Prim::Square => call("\u{1}square"),
            Prim::Sigmoid => call("\u{1}sigmoid"),
            Prim::SigmoidSlope => call("\u{1}sigmoid_slope"),
            Prim::Softplus => call("\u{1}softplus"),
            Prim::LogSigmoid => text("(-\u{1}softplus(-({a})))"),
            Prim::NotBelowZero => call("\u{1}not_below_zero"),
            Prim::Log1p => call("log1p"),
            Prim::Expm1 => call("expm1"),
            Prim::Log1mexp => call("\u{1}log1mexp"),
            Prim::Logit => call("\u{1}logit"),
            Prim::Exp2 => call("exp2"),
            Prim::Log2 => call("log2"),
            Prim::Log10 => call("log10"),
            Prim::Asinh => call("asinh"),
            Prim::Acosh => call("acosh"),
            Prim::Atanh => call("atanh"),
            Prim::Cbrt => call("cbrt"),
            Prim::Sinc => call("\u{1}sinc"),
            Prim::SincSlope => call("\u{1}sinc_slope"),
            Prim::Erf => call("erf"),
            Prim::Erfc => call("erfc"),
            Prim::Gauss => text("exp(-(({a}) * ({a})))"),
            Prim::LogNormalCdf => call("\u{1}log_normal_cdf"),
            Prim::Mills => call("\u{1}mills"),
            Prim::MillsExcess => call("\u{1}mills_excess"),
            Prim::Lgamma => call("lgamma"),
            Prim::Digamma => call("\u{1}digamma"),
            Prim::Trigamma => text("\u{1}polygamma(1, {a})"),
            Prim::Polygamma => call("\u{1}polygamma"),
            Prim::Lbeta => text("(lgamma({a}) + lgamma({b}) - lgamma(({a}) + ({b})))"),
            Prim::Sign => call("\u{1}sign"),
            Prim::Detach | Prim::StraightThrough => text("({a})"),
            Prim::Min => call("\u{1}min"),
            Prim::Max => call("\u{1}max"),
            Prim::Quotient => text("trunc(({a}) / ({b}))"),
            Prim::FloorQuotient => text("floor(({a}) / ({b}))"),
            Prim::Remainder => call("fmod"),
            Prim::Modulo => call("\u{1}modulo"),
            Prim::Atan2 => call("atan2"),
            Prim::LogBase => text("(log({a}) / log({b}))"),
            Prim::Pow => call("pow"),
            Prim::Hypot => call("hypot"),
            Prim::Gcd => call("\u{1}gcd"),
            Prim::Lcm => call("\u{1}lcm"),
            _ => None,
        }
    }

    fn number(&self, x: f64) -> Said {
        let text = if x.is_nan() {
            "NAN".to_owned()
        } else if x.is_infinite() {
            if x > 0.0 {
                "INFINITY".to_owned()
            } else {
                "(-INFINITY)".to_owned()
            }
        } else if x.is_sign_negative() {
            format!("({x:?})")
        } else {
            format!("{x:?}")
        };
        Said::whole(text)
    }

    fn bool(&self, holds: bool) -> Said {
        Said::whole(if holds { "1" } else { "0" })
    }

    fn select(&self, test: &Said, then: &Said, otherwise: &Said, _: bool) -> Said {
        let text = format!("({} ? {} : {})", test.text, then.text, otherwise.text);
        Said::of(text, binds::WHOLE, &[test, then, otherwise])
    }

    fn look(&self, table: &str, index: &Said) -> Said {
        Said::of(
            place(table, &index.within(binds::PRODUCT)),
            binds::WHOLE,
            &[index],
        )
    }
}

/// Where a number of a table is.
pub(super) fn place(table: &str, index: &str) -> String {
    match of_input(table) {
        Some((name, offset, stride, _)) if table.contains('\0') => {
            format!("{name}[(long)({})]", flat_index(offset, stride, index))
        }
        _ => format!("{table}[(long)({index})]"),
    }
}

/// What the C library has not, with what each needs.
const HELPERS: &[(&str, &str)] = &[
    (
        "\u{1}square",
        "static double \u{1}square(double x) { return x * x; }\n",
    ),
    (
        "\u{1}sigmoid(",
        "static double \u{1}sigmoid(double x) {\n    double e = exp(-fabs(x));\n    return (x < 0 ? e : 1.0) / (1.0 + e);\n}\n",
    ),
    (
        "\u{1}sigmoid_slope",
        "static double \u{1}sigmoid_slope(double x) {\n    double e = exp(-fabs(x));\n    return e / ((1.0 + e) * (1.0 + e));\n}\n",
    ),
    (
        "\u{1}softplus",
        "static double \u{1}softplus(double x) { return (x > 0 ? x : 0.0) + log1p(exp(-fabs(x))); }\n",
    ),
    (
        "\u{1}not_below_zero",
        "static double \u{1}not_below_zero(double x) { return x < 0 ? NAN : x; }\n",
    ),
    (
        "\u{1}log1mexp",
        "static double \u{1}log1mexp(double x) {\n    return x > -0.6931471805599453 ? log(-expm1(x)) : log1p(-exp(x));\n}\n",
    ),
    (
        "\u{1}logit",
        "static double \u{1}logit(double p) {\n    return fabs(p - 0.5) < 0.25 ? log1p((2.0 * p - 1.0) / (1.0 - p)) : log(p / (1.0 - p));\n}\n",
    ),
    (
        "\u{1}sinc(",
        "static double \u{1}sinc(double x) { return x == 0 ? 1.0 : sin(x) / x; }\n",
    ),
    (
        "\u{1}sinc_slope",
        "static double \u{1}sinc_slope(double x) {\n    double y = x * x;\n    if (fabs(x) < 0.5)\n        return -x / 3 * (1 - y / 10 * (1 - y / 28 * (1 - y / 54 * (1 - y / 88 * (1 - y / 130)))));\n    return (cos(x) - sin(x) / x) / x;\n}\n",
    ),
    (
        "\u{1}tail",
        "/* The normal distribution function far below 0, over the density by -x. */\nstatic double \u{1}tail(double x) {\n    double sum = 1.0, term = 1.0;\n    for (int k = 1; k < 40; k++) {\n        double next = -term * (2 * k - 1) / (x * x);\n        if (fabs(next) > fabs(term)) break;\n        sum += term = next;\n    }\n    return sum;\n}\n",
    ),
    (
        "\u{1}log_normal_cdf",
        "static double \u{1}log_normal_cdf(double x) {\n    if (x < -10) return -0.5 * x * x - 0.9189385332046727 - log(-x) + log(\u{1}tail(x));\n    if (x > 0) return log1p(-0.5 * erfc(x * 0.7071067811865476));\n    return log(0.5 * erfc(-x * 0.7071067811865476));\n}\n",
    ),
    (
        "\u{1}mills(",
        "static double \u{1}mills(double x) {\n    if (x < -10) return -x / \u{1}tail(x);\n    return 0.3989422804014327 * exp(-0.5 * x * x) / (0.5 * erfc(-x * 0.7071067811865476));\n}\n",
    ),
    (
        "\u{1}mills_excess",
        "static double \u{1}mills_excess(double x) {\n    if (x < -10) { double t = \u{1}tail(x); return -x * (1.0 - t) / t; }\n    return \u{1}mills(x) + x;\n}\n",
    ),
    (
        "\u{1}polygamma",
        "static double \u{1}polygamma(double order, double x) {\n    static const double b[] = {1.0 / 6, -1.0 / 30, 1.0 / 42, -1.0 / 30, 5.0 / 66, -691.0 / 2730, 7.0 / 6, -3617.0 / 510};\n    int n = (int)order;\n    double factorial = tgamma(order), sum = 0.0, term;\n    while (x < 25) { sum += factorial * n / pow(x, n + 1); x += 1; }\n    sum += factorial / pow(x, n) + factorial * n / (2 * pow(x, n + 1));\n    term = factorial;\n    for (int k = 1; k <= 8; k++) {\n        /* (2k + n - 1)! / (2k)! over x^(2k + n) */\n        term = tgamma(2.0 * k + n) / tgamma(2.0 * k + 1) / pow(x, 2 * k + n);\n        sum += b[k - 1] * term;\n    }\n    return n % 2 ? sum : -sum;\n}\n",
    ),
    (
        "\u{1}digamma",
        "static double \u{1}digamma(double x) {\n    double sum = 0.0, y;\n    if (x <= 0) {\n        if (x == trunc(x)) return x == 0 ? -INFINITY : NAN;\n        return \u{1}digamma(1 - x) - 3.141592653589793 / tan(3.141592653589793 * x);\n    }\n    while (x < 16) { sum -= 1 / x; x += 1; }\n    y = 1 / (x * x);\n    return sum + log(x) - 0.5 / x - y * (1.0 / 12 - y * (1.0 / 120 - y * (1.0 / 252 - y * (1.0 / 240 - y * (1.0 / 132 - y * (691.0 / 32760))))));\n}\n",
    ),
    (
        "\u{1}sign",
        "static double \u{1}sign(double x) { return x > 0 ? 1.0 : x < 0 ? -1.0 : x; }\n",
    ),
    (
        "\u{1}min",
        "static double \u{1}min(double a, double b) { return a < b || a != a || (a == b && signbit(a)) ? a : b; }\n",
    ),
    (
        "\u{1}max",
        "static double \u{1}max(double a, double b) { return a > b || a != a || (a == b && !signbit(a)) ? a : b; }\n",
    ),
    (
        "\u{1}modulo",
        "static double \u{1}modulo(double a, double b) {\n    double r = fmod(a, b);\n    return r != 0 && (r < 0) != (b < 0) ? r + b : r;\n}\n",
    ),
    (
        "\u{1}gcd",
        "static double \u{1}gcd(double a, double b) {\n    a = fabs(a), b = fabs(b);\n    while (b != 0 && b == b) { double r = fmod(a, b); a = b; b = r; }\n    return b != b ? b : a;\n}\n",
    ),
    (
        "\u{1}lcm",
        "static double \u{1}lcm(double a, double b) { return a == 0 || b == 0 ? 0.0 : fabs(a / \u{1}gcd(a, b) * b); }\n",
    ),
];

/// Words that no variable may have.
const RESERVED: &[&str] = &[
    "auto", "break", "case", "char", "const", "continue", "default", "do", "double", "else",
    "enum", "extern", "float", "for", "goto", "if", "inline", "int", "long", "register",
    "restrict", "return", "short", "signed", "sizeof", "static", "struct", "switch", "typedef",
    "union", "unsigned", "void", "volatile", "while", "in", "out", "ct", "grad", "tape", "NAN",
    "INFINITY", "y0", "y1", "yn", "j0", "j1", "jn", "gamma", "exp", "log", "sin", "cos", "tan",
    "abs", "pow", "sqrt", "div", "index", "signgam", "I", "main", "erf", "floor", "ceil", "round",
    "trunc", "isnan", "isfinite", "signbit", "malloc", "free", "realloc",
];

/// Words that no variable of a function of a name may have.
pub(super) fn reserved(name: &str) -> Vec<&str> {
    RESERVED.iter().copied().chain([name]).collect()
}

/// The functions; the body of the second is given.
pub(super) fn text(code: &Code, name: &str, source: &str, adjoint: &str) -> Result<String, Error> {
    let upper = name.to_uppercase();
    let reserved = reserved(name);
    let atoms = code.answer.atoms();
    let count = atoms.len().max(1);
    let mut writer = Writer::new(C, code, &reserved, source);
    name_elements(&mut writer);
    writer.indent = 4;
    begin(&mut writer, name);
    steps(&mut writer, &code.steps, &atoms)?;
    give(&mut writer, code);
    let value = std::mem::take(&mut writer.out);
    let mut head = String::new();
    let _ = writeln!(
        head,
        "/* A program as dmci exports it. Compile with -lm; a compiler that contracts a * b + c rounds"
    );
    let _ = writeln!(
        head,
        "   otherwise: -ffp-contract=off keeps it from that. */"
    );
    for note in &code.notes {
        let _ = writeln!(head, "/* {}. */", super::python::clean(note));
    }
    head.push_str("#include <math.h>\n#include <stdlib.h>\n#include <string.h>\n\n");
    let _ = writeln!(
        head,
        "/* The inputs; arrays are row by row. */\ntypedef struct {{"
    );
    for (given, input) in code.given.iter().zip(&writer.inputs) {
        let renamed = if given.name == *input {
            String::new()
        } else {
            format!(" /* {} */", super::python::clean(&given.name))
        };
        match given.form {
            InputForm::Number => {
                let _ = writeln!(head, "    double {input};{renamed}");
            }
            _ => {
                let _ = writeln!(
                    head,
                    "    const double *{input}; /* {} numbers */{renamed}",
                    given.form.len()
                );
            }
        }
    }
    if code.given.is_empty() {
        head.push_str("    char none;\n");
    }
    let _ = writeln!(head, "}} {name}_in;\n");
    let defaults: Vec<String> = code
        .given
        .iter()
        .zip(&writer.inputs)
        .filter_map(|(given, input)| Some(format!(".{input} = {}", C.number(given.default?).text)))
        .collect();
    if !defaults.is_empty() {
        let _ = writeln!(
            head,
            "/* The params as they are, for `({name}_in){{{upper}_DEFAULTS, .input = 1.0}}`. */"
        );
        let _ = writeln!(head, "#define {upper}_DEFAULTS {}\n", defaults.join(", "));
    }
    let _ = writeln!(head, "/* Derivatives by the inputs. */\ntypedef struct {{");
    for (given, input) in code.given.iter().zip(&writer.inputs) {
        match given.form.len() {
            _ if given.form == InputForm::Number => {
                let _ = writeln!(head, "    double {input};");
            }
            len => {
                let _ = writeln!(head, "    double {input}[{}];", len.max(1));
            }
        }
    }
    if code.given.is_empty() {
        head.push_str("    char none;\n");
    }
    let _ = writeln!(head, "}} {name}_grad;\n");
    // The other writer met the same tables in the same order. They are each function's own, so that two programs may
    // stand in one file.
    let tables = tables(&writer);
    let (value, adjoint) = (format!("{tables}{value}"), format!("{tables}{adjoint}"));
    let body = format!("{value}{adjoint}");
    let mut helpers = String::new();
    // From the back: what a helper needs stands before it.
    let mut needed = body.clone();
    for (key, text) in HELPERS.iter().rev() {
        if needed.contains(key) {
            helpers.insert_str(0, text);
            needed.push_str(text);
        }
    }
    let tape = "typedef struct {\n    double *at;\n    size_t len, room;\n} \u{1}tape;\n\n\
                static int \u{1}push(\u{1}tape *tape, double x) {\n    if (tape->len == tape->room) {\n        \
                size_t room = tape->room ? 2 * tape->room : 1024;\n        \
                double *at = realloc(tape->at, room * sizeof *at);\n        if (!at) return 1;\n        \
                tape->at = at, tape->room = room;\n    }\n    tape->at[tape->len++] = x;\n    return 0;\n}\n";
    if body.contains("\u{1}push") {
        helpers.push_str(tape);
    }
    if !helpers.is_empty() {
        helpers.push('\n');
    }
    let helpers = helpers.replace('\u{1}', &format!("{name}_"));
    let what = if count == 1 {
        "The value".to_owned()
    } else {
        format!("The {count} numbers of the value, row by row")
    };
    let value = format!(
        "/* {what}. */\nvoid {name}(const {name}_in *in, double out[{count}]) {{\n{value}}}\n\n"
    );
    let words = "/* The value, and the derivatives of its numbers, each times that of ct, summed. 0, or 1 where memory ends. */";
    let adjoint = format!(
        "{words}\nint {name}_vjp(const {name}_in *in, const double ct[{count}], double out[{count}], {name}_grad *grad) \
         {{\n{adjoint}}}\n"
    );
    let functions = format!("{value}{adjoint}").replace('\u{1}', &format!("{name}_"));
    Ok(format!("{head}{helpers}{functions}"))
}

fn tables(writer: &Writer<'_, C>) -> String {
    let table = |(name, numbers): &(String, Vec<f64>)| {
        let numbers: Vec<String> = numbers.iter().map(|&x| C.number(x).text).collect();
        format!(
            "    static const double {name}[] = {{{}}};\n",
            numbers.join(", ")
        )
    };
    writer.tables.iter().map(table).collect()
}

pub(super) type W<'a> = Writer<'a, C>;

/// Calls numbers of arrays by their places.
pub(super) fn name_elements(writer: &mut W<'_>) {
    for at in 0..writer.code.given.len() {
        let given = &writer.code.given[at];
        if given.form == InputForm::Number {
            continue;
        }
        let name = writer.inputs[at].clone();
        for (place, &var) in given.vars.iter().enumerate() {
            writer.element(var, format!("{name}[{place}]"));
        }
    }
}

/// The inputs as variables.
pub(super) fn begin(writer: &mut W<'_>, _name: &str) {
    if writer.code.given.is_empty() {
        writer.line("(void)in;");
    }
    for at in 0..writer.code.given.len() {
        let name = writer.inputs[at].clone();
        let star = if writer.code.given[at].form == InputForm::Number {
            "const double "
        } else {
            "const double *"
        };
        writer.line(format!("{star}{name} = in->{name};"));
        writer.line(format!("(void){name};"));
    }
}

/// The value's numbers.
pub(super) fn give(writer: &mut W<'_>, code: &Code) {
    let atoms = code.answer.atoms();
    if atoms.is_empty() {
        writer.line("out[0] = 0.0;");
    }
    for (place, atom) in atoms.into_iter().enumerate() {
        let said = writer.atom(atom);
        writer.line(format!("out[{place}] = {};", said.text));
    }
}

pub(super) fn kind(writer: &W<'_>, var: Var) -> &'static str {
    if writer.is_bool(var) { "int" } else { "double" }
}

/// Steps, one a line.
pub(super) fn steps(writer: &mut W<'_>, all: &[Step], results: &[Atom]) -> Result<(), Error> {
    let nested = writer.nested(all, results);
    for step in all {
        if let Some((var, said)) = writer.said(step)? {
            if let Some(said) = writer.keep(var, said, &nested) {
                let (kind, name) = (kind(writer, var), writer.name(var));
                writer.line(format!("const {kind} {name} = {};", said.text));
            }
            continue;
        }
        control(writer, step)?;
    }
    Ok(())
}

/// Gives variables the values of atoms, all at once.
pub(super) fn assign(writer: &mut W<'_>, vars: &[Var], atoms: &[Atom]) {
    let texts: Vec<String> = atoms.iter().map(|&atom| writer.atom(atom).text).collect();
    let names: Vec<String> = vars.iter().map(|&var| writer.name(var)).collect();
    if let ([name], [text]) = (&names[..], &texts[..]) {
        writer.line(format!("{name} = {text};"));
        return;
    }
    let mut later = Vec::new();
    for ((name, text), &var) in names.iter().zip(&texts).zip(vars) {
        if name == text {
            continue;
        }
        let next = writer.names.fresh(&format!("next_{name}"));
        let kind = kind(writer, var);
        writer.line(format!("const {kind} {next} = {text};"));
        later.push(format!("{name} = {next};"));
    }
    for line in later {
        writer.line(line);
    }
}

pub(super) fn declare(writer: &mut W<'_>, vars: &[Var], inits: Option<&[Atom]>) {
    for (at, &var) in vars.iter().enumerate() {
        let (kind, name) = (kind(writer, var), writer.name(var));
        match inits {
            Some(inits) => {
                let init = writer.atom(inits[at]).text;
                writer.line(format!("{kind} {name} = {init};"));
            }
            None => writer.line(format!("{kind} {name};")),
        }
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
            declare(writer, vars, None);
            writer.line(format!("if ({}) {{", test.text));
            writer.indent += 4;
            steps(writer, &then.steps, &then.results)?;
            assign(writer, vars, &then.results);
            writer.indent -= 4;
            writer.line("} else {");
            writer.indent += 4;
            steps(writer, &otherwise.steps, &otherwise.results)?;
            assign(writer, vars, &otherwise.results);
            writer.indent -= 4;
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
            steps(writer, &body.steps, &body.results)?;
            assign(writer, vars, &body.results);
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
            writer.line("for (;;) {");
            writer.indent += 4;
            passes(writer, body, (vars, outs))?;
            writer.indent -= 4;
            writer.line("}");
        }
        Step::Op { .. } | Step::Select { .. } | Step::Look { .. } => {}
    }
    Ok(())
}

fn passes(writer: &mut W<'_>, body: &Body, vars: (&[Var], &[Var])) -> Result<(), Error> {
    match &body.end {
        End::Exit(atoms) => {
            steps(writer, &body.steps, atoms)?;
            assign(writer, vars.1, atoms);
            writer.line("break;");
        }
        End::Again(atoms) => {
            steps(writer, &body.steps, atoms)?;
            assign(writer, vars.0, atoms);
        }
        End::If(test, then, otherwise) => {
            steps(writer, &body.steps, &[*test])?;
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
        }
    }
    Ok(())
}
