//! The names of forms: what the expander knows by keyword, and what the language leaves out.
//!
//! **Invariants**
//! - A form's name is only a default: any binding of the name shadows it.
//! - Every name left out says what to do instead.

use super::left_out;

/// A form the expander knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Quote,
    Quasiquote,
    Unquote,
    UnquoteSplicing,
    If,
    Lambda,
    Let,
    LetStar,
    Letrec,
    Define,
    DefineValues,
    DefineRecordType,
    LetValues,
    LetStarValues,
    Receive,
    CaseLambda,
    Delay,
    DelayForce,
    DefineSyntax,
    LetSyntax,
    LetrecSyntax,
    SyntaxRules,
    SyntaxError,
    Begin,
    Do,
    Cond,
    Case,
    When,
    Unless,
    And,
    Or,
    Loop,
    Recur,
    Else,
    Arrow,
    Param,
    DataMatrix,
    Observe,
    ObserveSeries,
    Prior,
    Derive,
    SoftChoice,
    SoftIf,
    Model,
    Machine,
    /// A name of Scheme that is not in the language; the text says what to do instead.
    Unsupported(&'static str),
}

impl Form {
    /// Whether it stands at top level or at the start of a body, and makes names known there.
    pub(super) fn defines(self) -> bool {
        matches!(
            self,
            Self::Define | Self::DefineValues | Self::DefineRecordType | Self::DefineSyntax
        )
    }
}

const NO_STATE: &str =
    "values never change; carry the new value as an argument of a loop or procedure";
const NO_ASSIGNMENT: &str = "values never change; carry the new value as an argument of a loop: \
                             `(let loop ((i 0) (sum 0)) (if (< i n) (loop (+ i 1) (+ sum i)) sum))`";
const NO_MACROS: &str = "macros are made by `syntax-rules`: write `(define-syntax name (syntax-rules () (pattern template) …))`";
const NO_IO: &str = "programs have no input or output; return the value instead";
const NO_CONTROL: &str = "there are no continuations; return early with `if` or `cond`";
const NO_CONDITIONS: &str = "errors cannot be caught; test for the case with `if` or `cond`";
const NO_RECORDS: &str =
    "write `(define-record-type name (make-name field …) name? (field name-field) …)`";
const NO_LIBRARIES: &str =
    "there are no libraries; leave the form out, the whole language is there already";

/// What a name means as a form, unless something binds it.
pub(super) fn form(name: &str) -> Option<Form> {
    Some(match name {
        "quote" => Form::Quote,
        "quasiquote" => Form::Quasiquote,
        "unquote" => Form::Unquote,
        "unquote-splicing" => Form::UnquoteSplicing,
        "if" => Form::If,
        "lambda" | "λ" => Form::Lambda,
        "let" => Form::Let,
        "let*" => Form::LetStar,
        "letrec" | "letrec*" => Form::Letrec,
        "define" => Form::Define,
        "define-values" => Form::DefineValues,
        "define-record-type" => Form::DefineRecordType,
        "let-values" => Form::LetValues,
        "let*-values" => Form::LetStarValues,
        "receive" => Form::Receive,
        "case-lambda" => Form::CaseLambda,
        "define-syntax" => Form::DefineSyntax,
        "let-syntax" => Form::LetSyntax,
        "letrec-syntax" => Form::LetrecSyntax,
        "syntax-rules" => Form::SyntaxRules,
        "syntax-error" => Form::SyntaxError,
        "delay" => Form::Delay,
        "delay-force" => Form::DelayForce,
        "begin" => Form::Begin,
        "do" => Form::Do,
        "cond" => Form::Cond,
        "case" => Form::Case,
        "when" => Form::When,
        "unless" => Form::Unless,
        "and" => Form::And,
        "or" => Form::Or,
        "loop" => Form::Loop,
        "recur" => Form::Recur,
        "else" => Form::Else,
        "=>" => Form::Arrow,
        "param" => Form::Param,
        "data-matrix" => Form::DataMatrix,
        "observe" => Form::Observe,
        "observe-series" => Form::ObserveSeries,
        "prior" => Form::Prior,
        "derive" => Form::Derive,
        "soft-choice" => Form::SoftChoice,
        "soft-if" => Form::SoftIf,
        "model" => Form::Model,
        "machine" => Form::Machine,
        "set!" => Form::Unsupported(NO_ASSIGNMENT),
        "set-car!" | "set-cdr!" | "list-set!" | "vector-set!" | "vector-fill!" | "vector-copy!"
        | "string-set!" | "string-fill!" | "string-copy!" => Form::Unsupported(NO_STATE),
        "define-macro" | "syntax-case" | "er-macro-transformer" => Form::Unsupported(NO_MACROS),
        "display"
        | "write"
        | "write-string"
        | "write-char"
        | "write-shared"
        | "write-simple"
        | "newline"
        | "read"
        | "read-line"
        | "read-char"
        | "peek-char"
        | "print"
        | "printf"
        | "format"
        | "open-input-file"
        | "open-output-file"
        | "open-input-string"
        | "open-output-string"
        | "get-output-string"
        | "with-output-to-string"
        | "call-with-output-string"
        | "current-output-port"
        | "current-input-port" => Form::Unsupported(NO_IO),
        "call/cc" | "call-with-current-continuation" | "dynamic-wind" => {
            Form::Unsupported(NO_CONTROL)
        }
        "guard"
        | "raise"
        | "raise-continuable"
        | "with-exception-handler"
        | "error-object?"
        | "error-object-message"
        | "error-object-irritants" => Form::Unsupported(NO_CONDITIONS),
        "cons-stream" => {
            Form::Unsupported("write `(cons first (delay rest))`, and `force` the cdr")
        }
        "parameterize" | "make-parameter" | "fluid-let" => {
            Form::Unsupported("there are no dynamic parameters; pass an argument")
        }
        "define-structure" => Form::Unsupported(NO_RECORDS),
        "import" | "define-library" | "include" | "include-ci" | "require" | "module"
        | "cond-expand" | "export" => Form::Unsupported(NO_LIBRARIES),
        _ => return left_out::instead(name).map(Form::Unsupported),
    })
}
