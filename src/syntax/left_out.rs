//! Names of Scheme that are no form here and no procedure, and what to write instead.
//!
//! **Invariants**
//! - What is said is what a program can do, with the names that it can do it by.
//! - A name that a program or its caller binds means that: these are asked for last.

const NO_BYTES: &str = "there are no bytevectors; use a list or a vector of numbers";
const NO_PORTS: &str = "programs have no input or output; return the value instead";
const NO_FILES: &str =
    "programs have no input or output; give what a file holds as an input (`--data`, `--inputs`)";
const NO_CLOCK: &str = "a program's value is a function of its inputs; give the time as an input";
const NO_HOST: &str =
    "a program's value is a function of its inputs; give what it needs to know as an input";
const NO_EXIT: &str = "a program ends with the value of its last expression; `(error \"message\")` \
                       ends it earlier";
const NO_EVAL: &str = "data are never run as programs; call a procedure, or `apply` one to a list";
const NO_CONDITIONS: &str = "errors cannot be caught; test for the case with `if` or `cond`";
const NO_FRACTIONS: &str =
    "numbers are doubles, without numerator and denominator; keep the two in a list";
const NO_COMPLEX: &str = "there are no complex numbers; keep the two parts in a list or vector";
const NO_TEXT_VECTORS: &str =
    "vectors hold numbers; `string->list` and `list->string` go by way of a list";
const NO_STATE: &str =
    "values never change; carry the new value as an argument of a loop or procedure";

/// Whether a name that the language leaves out is a likely name of an input: where nothing is applied, it
/// is one.
pub(super) fn may_be_input(name: &str) -> bool {
    matches!(
        name,
        "angle" | "magnitude" | "load" | "features" | "environment" | "runtime" | "random"
    )
}

/// What to write instead of a name that the language leaves out.
pub(super) fn instead(name: &str) -> Option<&'static str> {
    Some(match name {
        "bytevector" | "bytevector?" | "bytevector-append" | "bytevector-copy"
        | "bytevector-copy!" | "bytevector-length" | "bytevector-u8-ref" | "bytevector-u8-set!"
        | "make-bytevector" | "string->utf8" | "utf8->string" => NO_BYTES,
        "binary-port?"
        | "call-with-port"
        | "char-ready?"
        | "close-input-port"
        | "close-output-port"
        | "close-port"
        | "current-error-port"
        | "eof-object"
        | "eof-object?"
        | "flush-output-port"
        | "get-output-bytevector"
        | "input-port-open?"
        | "input-port?"
        | "open-input-bytevector"
        | "open-output-bytevector"
        | "output-port-open?"
        | "output-port?"
        | "peek-u8"
        | "port?"
        | "read-bytevector"
        | "read-bytevector!"
        | "read-string"
        | "read-u8"
        | "textual-port?"
        | "u8-ready?"
        | "write-bytevector"
        | "write-u8" => NO_PORTS,
        "call-with-input-file"
        | "call-with-output-file"
        | "delete-file"
        | "file-exists?"
        | "open-binary-input-file"
        | "open-binary-output-file"
        | "with-input-from-file"
        | "with-output-to-file" => NO_FILES,
        "file-error?" | "read-error?" => NO_CONDITIONS,
        "current-jiffy" | "current-second" | "jiffies-per-second" | "current-time" | "runtime" => {
            NO_CLOCK
        }
        "command-line" | "get-environment-variable" | "get-environment-variables" => NO_HOST,
        "exit" | "emergency-exit" => NO_EXIT,
        "eval"
        | "environment"
        | "interaction-environment"
        | "null-environment"
        | "scheme-report-environment" => NO_EVAL,
        "load" | "include-ci" => "a program is one text; put what it needs into it",
        "features" => "there is one implementation, and all of it is there; leave the question out",
        "numerator" | "denominator" | "rationalize" => NO_FRACTIONS,
        "make-rectangular" | "make-polar" | "real-part" | "imag-part" => NO_COMPLEX,
        "magnitude" => {
            "there are no complex numbers; `abs` is the magnitude of a number, `norm` of a vector"
        }
        "angle" => "there are no complex numbers; `(atan y x)` is the angle of a point",
        "string->vector" | "vector->string" => NO_TEXT_VECTORS,
        "random" | "random-integer" | "random-real" => {
            "a program's value is a function of its inputs; give random numbers as inputs"
        }
        "vector-grow" | "vector-grow!" | "vector-swap!" | "vector-reverse!" | "list-sort!"
        | "sort!" | "reverse!" | "append!" | "delete!" | "assq-set!" | "hash-table-set!"
        | "string-builder" => NO_STATE,
        "make-hash-table"
        | "hash-table"
        | "hash-table-ref"
        | "hash-table-ref/default"
        | "make-hash"
        | "hash-ref"
        | "hash-set"
        | "hash-set!"
        | "make-equal-hash-table" => {
            "there are no hash tables; use an association list with `assq`, `assv` or `assoc`"
        }
        _ => return None,
    })
}
