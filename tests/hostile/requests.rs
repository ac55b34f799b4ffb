//! Lines: requests that are none, that say a thing twice, and that name what is not there.

use super::case::Case;
use super::case::Want::{Answer, Holds, Kind, Value as Is};
use serde_json::Value;

fn request(answer: &Value) -> bool {
    answer["error"]["kind"] == "request"
}

/// The message names both of these.
fn names(answer: &Value, words: &[&str]) -> bool {
    let message = answer["error"]["message"].as_str().unwrap_or_default();
    request(answer) && words.iter().all(|word| message.contains(word))
}

pub(crate) fn cases() -> Vec<Case> {
    let fixed = |name, line: &'static str, want| Case::raw(name, move || line.into(), want);
    let made = |name, line: fn() -> Vec<u8>, want| Case::raw(name, line, want);
    let refused =
        |name, line: &'static str| Case::raw(name, move || line.into(), Kind(&["request"]));
    vec![
        refused("request/no-json", "hello"),
        refused("request/open", "{\"source\":\"1\""),
        refused("request/array", "[1,2]"),
        refused("request/number", "7"),
        refused("request/null", "null"),
        refused("request/no-source", "{}"),
        refused("request/source-number", "{\"source\":7}"),
        refused("request/source-null", "{\"source\":null}"),
        refused(
            "request/unknown-field",
            "{\"source\":\"1\",\"sorce\":\"2\"}",
        ),
        refused(
            "request/source-twice",
            "{\"source\":\"1\",\"source\":\"2\"}",
        ),
        refused(
            "request/input-twice",
            "{\"source\":\"x\",\"inputs\":{\"x\":1,\"x\":2}}",
        ),
        refused(
            "request/lanes-twice",
            "{\"source\":\"x\",\"lanes\":{\"x\":[1],\"x\":[2,3]}}",
        ),
        refused(
            "request/input-and-lane",
            "{\"source\":\"x\",\"inputs\":{\"x\":1},\"lanes\":{\"x\":[2,3]}}",
        ),
        refused(
            "request/wrt-unknown",
            "{\"source\":\"x\",\"inputs\":{\"x\":1},\"wrt\":[\"zz\"]}",
        ),
        refused(
            "request/wrt-unknown-no-lanes",
            "{\"source\":\"x\",\"lanes\":{\"x\":[]},\"wrt\":[\"zz\"]}",
        ),
        fixed(
            "request/wrt-twice",
            "{\"source\":\"x\",\"inputs\":{\"x\":1},\"wrt\":[\"x\",\"x\"]}",
            Answer,
        ),
        refused(
            "request/wrt-place",
            "{\"source\":\"(* 2.0 x)\",\"inputs\":{\"x\":1},\"wrt\":[\"@99:99\"]}",
        ),
        refused(
            "request/wrt-place-odd",
            "{\"source\":\"(* 2.0 x)\",\"inputs\":{\"x\":1},\"wrt\":[\"@1:\"]}",
        ),
        refused(
            "request/wrt-number",
            "{\"source\":\"x\",\"inputs\":{\"x\":1},\"wrt\":[1]}",
        ),
        refused("request/mode", "{\"source\":\"1\",\"mode\":\"fast\"}"),
        refused("request/fuel-negative", "{\"source\":\"1\",\"fuel\":-1}"),
        refused("request/fuel-fraction", "{\"source\":\"1\",\"fuel\":1.5}"),
        fixed(
            "request/fuel-huge",
            "{\"source\":\"1\",\"fuel\":1e30}",
            Answer,
        ),
        fixed(
            "request/fuel-nothing",
            "{\"source\":\"(+ 1 2)\",\"fuel\":0}",
            Kind(&["resource"]),
        ),
        fixed(
            "request/fuel-most",
            "{\"source\":\"(+ 1 2)\",\"fuel\":18446744073709551615}",
            Is("3.0"),
        ),
        fixed(
            "request/heap-nothing",
            "{\"source\":\"(+ 1 2)\",\"heap_bytes\":0}",
            Kind(&["resource"]),
        ),
        fixed(
            "request/heap-most",
            "{\"source\":\"(+ 1 2)\",\"heap_bytes\":18446744073709551615}",
            Is("3.0"),
        ),
        fixed(
            "request/depth-nothing",
            "{\"source\":\"(+ 1 2)\",\"depth\":0}",
            Answer,
        ),
        fixed(
            "request/depth-small",
            "{\"source\":\"(define (f n) (+ 1 (f n))) (f 0)\",\"depth\":100}",
            Kind(&["resource"]),
        ),
        fixed(
            "request/timeout-nothing",
            "{\"source\":\"(let go ((i 0)) (go (+ i 1)))\",\"timeout_ms\":0}",
            Kind(&["resource"]),
        ),
        fixed(
            "request/timeout-most",
            "{\"source\":\"(+ 1 2)\",\"timeout_ms\":18446744073709551615}",
            Is("3.0"),
        ),
        fixed(
            "request/output-small",
            "{\"source\":\"(iota 1000)\",\"output_bytes\":100}",
            Kind(&["resource"]),
        ),
        fixed(
            "request/text-small",
            "{\"source\":\"(+ 1 2 3 4 5 6 7 8 9)\",\"text_bytes\":10}",
            Kind(&["resource"]),
        ),
        fixed(
            "request/trace-nothing",
            "{\"source\":\"(* x x)\",\"inputs\":{\"x\":3},\"wrt\":[\"x\"],\"trace_bytes\":0}",
            Is("9.0"),
        ),
        fixed(
            "request/input-text",
            "{\"source\":\"x\",\"inputs\":{\"x\":\"1\"}}",
            Holds(|a| names(a, &["`x`"])),
        ),
        fixed(
            "request/input-null",
            "{\"source\":\"x\",\"inputs\":{\"x\":null}}",
            Holds(|a| names(a, &["`x`"])),
        ),
        fixed(
            "request/input-true",
            "{\"source\":\"x\",\"inputs\":{\"x\":true}}",
            Holds(|a| names(a, &["`x`"])),
        ),
        fixed(
            "request/input-ragged",
            "{\"source\":\"x\",\"inputs\":{\"x\":[[1],[1,2]]}}",
            Holds(|a| names(a, &["`x`"])),
        ),
        fixed(
            "request/input-empty",
            "{\"source\":\"x\",\"inputs\":{\"x\":[]}}",
            Holds(request),
        ),
        fixed(
            "request/input-object",
            "{\"source\":\"x\",\"inputs\":{\"x\":{\"lst\":[1]}}}",
            Holds(|a| names(a, &["`x`"])),
        ),
        fixed(
            "request/input-number-huge",
            "{\"source\":\"x\",\"inputs\":{\"x\":1e400}}",
            Answer,
        ),
        fixed(
            "request/lane-text",
            "{\"source\":\"x\",\"lanes\":{\"x\":[1,\"a\"]}}",
            Holds(|a| names(a, &["`x`", "1"])),
        ),
        refused(
            "request/lanes-lengths",
            "{\"source\":\"(+ x y)\",\"lanes\":{\"x\":[1],\"y\":[1,2]}}",
        ),
        refused(
            "request/lanes-mixed",
            "{\"source\":\"x\",\"lanes\":{\"x\":[1,[1,2]]}}",
        ),
        refused(
            "request/lanes-number",
            "{\"source\":\"x\",\"lanes\":{\"x\":1}}",
        ),
        fixed(
            "request/lanes-none",
            "{\"source\":\"1\",\"lanes\":{}}",
            Answer,
        ),
        fixed(
            "request/lanes-stats",
            "{\"source\":\"(* x x)\",\"lanes\":{\"x\":[1,2]},\"stats\":true}",
            Holds(|a| request(a) || a["stats"]["applications"].as_u64().is_some_and(|n| n >= 2)),
        ),
        fixed(
            "request/id-huge",
            "{\"id\":1e4001,\"source\":\"1\"}",
            Answer,
        ),
        fixed(
            "request/id-deep",
            "{\"id\":[[[[[[]]]]]],\"source\":\"1\"}",
            Answer,
        ),
        fixed(
            "request/id-null",
            "{\"id\":null,\"source\":\"(+ 1 2)\"}",
            Is("3.0"),
        ),
        fixed(
            "request/surrogate",
            "{\"source\":\"(string-length \\\"\\ud800\\\")\"}",
            Kind(&["request"]),
        ),
        fixed(
            "request/surrogate-pair",
            "{\"source\":\"(string-length \\\"\\ud83e\\udd80\\\")\"}",
            Is("1.0"),
        ),
        fixed(
            "request/nul-escape",
            "{\"source\":\"(+ 1 \\u0000 2)\"}",
            Answer,
        ),
        made(
            "request/not-utf-8",
            || b"{\"source\":\"\xff\xfe\"}".to_vec(),
            Kind(&["request"]),
        ),
        made("request/nul-bytes", || vec![0; 1000], Kind(&["request"])),
        made(
            "request/binary",
            || {
                (0..4096_u32)
                    .map(|i| (i * 7 % 251) as u8)
                    .filter(|&b| b != b'\n' && b != b'\r')
                    .collect()
            },
            Kind(&["request"]),
        ),
        made(
            "request/brackets-10^6",
            || vec![b'['; 1_000_000],
            Kind(&["request", "resource"]),
        ),
        made(
            "request/braces-10^6",
            || b"{\"a\":".repeat(1_000_000),
            Kind(&["request", "resource"]),
        ),
        made(
            "request/id-deep-10^5",
            || {
                [
                    &b"{\"source\":\"1\",\"id\":"[..],
                    &b"[".repeat(100_000),
                    &b"]".repeat(100_000),
                    b"}",
                ]
                .concat()
            },
            Answer,
        ),
        made(
            "request/input-deep-10^5",
            || {
                [
                    &b"{\"source\":\"x\",\"inputs\":{\"x\":"[..],
                    &b"[".repeat(100_000),
                    &b"]".repeat(100_000),
                    b"}}",
                ]
                .concat()
            },
            Kind(&["request", "resource"]),
        ),
        made(
            "request/inputs-10^5",
            || {
                let all: Vec<String> = (0..100_000).map(|i| format!("\"x{i}\":{i}")).collect();
                format!("{{\"source\":\"x7\",\"inputs\":{{{}}}}}", all.join(",")).into_bytes()
            },
            Is("7.0"),
        ),
        made(
            "request/wrt-10^5",
            || {
                let all = vec!["\"x\""; 100_000].join(",");
                format!("{{\"source\":\"x\",\"inputs\":{{\"x\":1}},\"wrt\":[{all}]}}").into_bytes()
            },
            Answer,
        ),
        made(
            "request/unknown-field-10^6",
            || format!("{{\"source\":\"1\",\"{}\":1}}", "f".repeat(1_000_000)).into_bytes(),
            Kind(&["request"]),
        ),
        made(
            "request/unknown-mode-10^6",
            || {
                format!(
                    "{{\"source\":\"1\",\"mode\":\"{}\"}}",
                    "f".repeat(1_000_000)
                )
                .into_bytes()
            },
            Kind(&["request"]),
        ),
        made(
            "request/unknown-wrt-10^6",
            || {
                format!(
                    "{{\"source\":\"x\",\"inputs\":{{\"x\":1}},\"wrt\":[\"{}\"]}}",
                    "f".repeat(1_000_000)
                )
                .into_bytes()
            },
            Kind(&["request"]),
        ),
        made(
            "request/input-name-10^6",
            || {
                format!(
                    "{{\"source\":\"x\",\"inputs\":{{\"{}\":\"a\"}}}}",
                    "f".repeat(1_000_000)
                )
                .into_bytes()
            },
            Kind(&["request"]),
        ),
        made(
            "request/input-text-10^6",
            || {
                format!(
                    "{{\"source\":\"x\",\"inputs\":{{\"x\":\"{}\"}}}}",
                    "f".repeat(1_000_000)
                )
                .into_bytes()
            },
            Kind(&["request"]),
        ),
        made(
            "request/lane-text-10^6",
            || {
                format!(
                    "{{\"source\":\"x\",\"lanes\":{{\"x\":\"{}\"}}}}",
                    "f".repeat(1_000_000)
                )
                .into_bytes()
            },
            Kind(&["request"]),
        ),
        made(
            "request/line-20-MB",
            || vec![b'a'; 20_000_000],
            Kind(&["request", "resource"]),
        ),
        made(
            "request/text-20-MB",
            || format!("{{\"source\":\"{}7\"}}", " ".repeat(20_000_000)).into_bytes(),
            Answer,
        ),
        fixed(
            "request/temperature-nothing",
            "{\"source\":\"(soft-if 1 2 3 4)\",\"temperature\":0}",
            Kind(&["request"]),
        ),
        fixed(
            "request/temperature-negative",
            "{\"source\":\"(soft-if 1 2 3 4)\",\"temperature\":-1}",
            Kind(&["request"]),
        ),
        fixed(
            "request/prelude",
            "{\"source\":\"1\",\"prelude\":false}",
            Kind(&["request"]),
        ),
    ]
}
