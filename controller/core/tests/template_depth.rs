//! The deepest expressions that are read at all: reading them is recursion, and no stack may end under it.

use etl_core::template::{EXPRESSION_BYTES_MAX, Members, Reader, Scope, Values, check, render};
use serde_json::json;

/// A quarter of what threads are given unless they ask for less.
const STACK_BYTES: usize = 512 << 10;

#[test]
fn the_deepest_expressions_need_little_stack() {
    let room = EXPRESSION_BYTES_MAX - 10;
    for (open, middle, close) in [
        ("(", "1", ")"),
        ("[", "", "]"),
        ("not ", "1", ""),
        ("1 if 1 else ", "1", ""),
        ("", "1", "<1"),
        ("", "'x'", "|lower"),
        ("1 and ", "1", ""),
        ("body[", "1", "]"),
        ("", "body", "[1]"),
    ] {
        let times = room / (open.len() + close.len());
        let text = format!("{{{{ {}{middle}{} }}}}", open.repeat(times), close.repeat(times));
        let scope = Scope::default().with("body", Members::Any);
        let values = Values::new(json!({"body": [1]}));
        let run = move || (check(&text, &scope).len(), render(&text, &values, Reader::Program).is_ok());
        let small = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(run).unwrap();
        assert!(small.join().is_ok(), "{open}…{close}");
    }
}
