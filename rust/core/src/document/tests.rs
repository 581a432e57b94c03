use proptest::prelude::*;

use super::*;

/// Each entry as `path | key | value`, the spans cut from the text.
fn listing(text: &str) -> Vec<String> {
    let document = parse(text);
    assert_eq!(document.errors, []);
    let rows = document.entries.iter().map(|entry| {
        let path: Vec<_> = entry.path.iter().map(step).collect();
        let key = entry.key.clone().map_or("-", |key| &text[key]);
        format!("{} | {key} | {}", path.join("."), &text[entry.value.clone()])
    });
    rows.collect()
}

fn step(segment: &Segment) -> String {
    match segment {
        Segment::Key(key) => key.clone(),
        Segment::Index(index) => index.to_string(),
    }
}

#[test]
fn spans_of_values_are_as_written() {
    let text = "a = 1\n\"b c\" = 'é' # comment\nd = [ 1, {x = 0x10} , '''\nq''' ]\n";
    assert_eq!(
        listing(text),
        [
            "a | a | 1",
            "b c | \"b c\" | 'é'",
            "d | d | [ 1, {x = 0x10} , '''\nq''' ]",
            "d.0 | - | 1",
            "d.1 | - | {x = 0x10}",
            "d.1.x | x | 0x10",
            "d.2 | - | '''\nq'''",
        ]
    );
}

#[test]
fn tables_point_to_their_header() {
    let text = "[x.y]\nk = 1\n[x]\n[[t]]\nq = 1\n[[t]]\n[t.u]\n";
    assert_eq!(
        listing(text),
        [
            "x | x | [x]",
            "x.y | y | [x.y]",
            "x.y.k | k | 1",
            "t | t | [[t]]",
            "t.0 | - | [[t]]",
            "t.0.q | q | 1",
            "t.1 | - | [[t]]",
            "t.1.u | u | [t.u]",
        ]
    );
}

#[test]
fn items_of_an_array_of_tables_have_spans_of_their_own() {
    let text = "[[t]]\n[[t]]\n";
    let values: Vec<_> = parse(text).entries.into_iter().map(|entry| entry.value).collect();
    assert_eq!(values, [0..5, 0..5, 6..11]);
}

#[test]
fn dotted_keys_point_to_their_part() {
    assert_eq!(
        listing("a.b.c = 1\na.d = 2\n"),
        ["a | a | a", "a.b | b | b", "a.b.c | c | 1", "a.d | d | 2"]
    );
}

#[test]
fn siblings_stand_in_source_order() {
    assert_eq!(
        listing("z = 1\ny = 2\n[b]\n[a]\n"),
        ["z | z | 1", "y | y | 2", "b | b | [b]", "a | a | [a]"]
    );
}

#[test]
fn offsets_count_bytes_after_a_byte_order_mark() {
    let document = parse("\u{feff}a = 1\r\nb = 2");
    assert_eq!(document.errors, []);
    let values: Vec<_> = document.entries.into_iter().map(|entry| entry.value).collect();
    assert_eq!(values, [7..8, 14..15]);
}

#[test]
fn all_errors_are_reported_in_order_and_once() {
    let document = parse("a = \nb = 1\nc = [1,\n[d");
    let starts: Vec<_> = document
        .errors
        .iter()
        .filter_map(|error| error.span.clone())
        .map(|span| span.start)
        .collect();
    assert!(starts.len() >= 2, "{:?}", document.errors);
    assert!(starts.is_sorted());
    let mut unique = document.errors.clone();
    unique.dedup();
    assert_eq!(unique, document.errors);
    assert!(
        document
            .entries
            .iter()
            .any(|entry| entry.path == [Segment::Key("b".into())])
    );
}

#[test]
fn a_repeated_key_is_an_error_at_the_second() {
    let errors = parse("a = 1\na = 2\n").errors;
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].span, Some(6..7));
}

#[test]
fn nesting_is_bounded() {
    let many = 100_000;
    let mixed = ["a.".repeat(79), "a={".to_owned()].concat().repeat(79);
    for text in [
        "[".repeat(many),
        format!("a={}", "[".repeat(many)),
        format!("a={}", "{a=".repeat(many)),
        format!("{}a=1", "a.".repeat(many)),
        format!("[{}a]", "a.".repeat(many)),
        format!("{mixed}a=1{}", "}".repeat(79)),
    ] {
        let document = parse(&text);
        assert!(!document.errors.is_empty());
        assert!(document.entries.iter().all(|entry| entry.path.len() <= MAX_DEPTH));
    }
}

#[test]
fn entries_and_errors_are_bounded() {
    let full = format!("a = [{}]\nb = 1\nc = 1\n", "1,".repeat(MAX_ENTRIES));
    let document = parse(&full);
    assert_eq!(document.entries.len(), MAX_ENTRIES);
    assert_eq!(document.errors.len(), 1);
    assert!(
        parse(&format!("a = [{}]", "1,".repeat(MAX_ENTRIES - 1)))
            .errors
            .is_empty()
    );
    assert_eq!(parse(&"= =\n".repeat(MAX_ERRORS)).errors.len(), MAX_ERRORS);
    assert_eq!(parse(&format!("{} = 1", "a".repeat(MAX_KEY))).errors, []);
    assert_eq!(parse(&format!("{} = 1", "a".repeat(MAX_KEY + 1))).errors.len(), 1);
}

#[test]
fn an_integer_of_more_than_64_bits_is_an_error_at_its_place() {
    let fitting = "a = [1_000, +9223372036854775807, -9223372036854775808, 0x7fff_ffff_ffff_ffff, 0o7, 0b1, -0]";
    assert_eq!(parse(fitting).errors, []);
    for large in ["9223372036854775808", "-9223372036854775809", "0xffff_ffff_ffff_ffff"] {
        let errors = parse(&format!("a = {large}\n")).errors;
        assert_eq!(errors.len(), 1);
        assert_eq!(errors[0].span, Some(4..4 + large.len()));
    }
}

fn check(text: &str) -> Result<(), TestCaseError> {
    let document = parse(text);
    let entries = document
        .entries
        .iter()
        .flat_map(|entry| entry.key.iter().chain([&entry.value]));
    for span in entries.chain(document.errors.iter().filter_map(|error| error.span.as_ref())) {
        prop_assert!(text.get(span.clone()).is_some(), "{span:?} in {text:?}");
    }
    Ok(())
}

proptest! {
    #[test]
    fn any_text_gives_spans_on_characters(text in any::<String>()) {
        check(&text)?;
    }

    #[test]
    fn text_made_of_toml_pieces_gives_spans_on_characters(pieces in prop::collection::vec(prop::sample::select(vec![
        "[", "]", "[[", "]]", "{", "}", "=", ".", ",", "\n", "\r\n", "\r", " ", "#", "a", "b", "é", "\u{1F600}", "\"",
        "'", "\"\"\"", "'''", "\\", "\\u00e9", "\\x", "1", "0x", "-", "1979-05-27", "true", "inf", "\0", "\u{feff}",
    ]), 0..60)) {
        check(&pieces.concat())?;
    }
}
