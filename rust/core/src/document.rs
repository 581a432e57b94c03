//! Where each key and value of a TOML text stands.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Levels of nesting that are looked into. The parser bounds each header, dotted key and bracket by itself; their
/// combination would still let a small text ask for paths that are thousands of segments long.
const MAX_DEPTH: usize = 128;

/// Keys, tables and items that are looked at. Each costs its reader hundreds of bytes, and a fault of its own perhaps.
const MAX_ENTRIES: usize = 5_000;

/// Syntax errors that are told of. A text of a few megabytes can hold as many millions.
const MAX_ERRORS: usize = 500;

/// Bytes of a key. A longer one is no name, and is held against all known names wherever it isn't known.
const MAX_KEY: usize = 500;

/// One step from a table to a value, or from an array to an item.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Segment {
    Key(String),
    Index(usize),
}

/// A table, value or array item. Ranges are byte offsets into the text and lie on character boundaries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub path: Vec<Segment>,
    /// The key as written; `None` for items of an array.
    pub key: Option<Range<usize>>,
    /// The value as written. For a table with a header of its own this is the header, brackets included; for a table
    /// that exists only through dotted keys or longer headers, the part of the first one that names it.
    pub value: Range<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxError {
    pub message: String,
    pub span: Option<Range<usize>>,
}

/// What is known about a text. With errors present, entries are those that could still be made out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Document {
    /// A parent stands before its children, siblings stand in the order in which the text first names them.
    pub entries: Vec<Entry>,
    /// All syntax errors up to `MAX_ERRORS`, each once and in the order of the text; those without a span first.
    pub errors: Vec<SyntaxError>,
}

/// Reads `text` as TOML. Never panics, and never gives up at the first error.
#[must_use]
pub fn parse(text: &str) -> Document {
    let (root, errors) = DeTable::parse_recoverable(text);
    let errors = errors.iter().take(MAX_ERRORS).map(|error| SyntaxError {
        message: error.message().to_owned(),
        span: error.span().map(|span| on_boundaries(text, &span)),
    });
    let mut walk = Walk {
        text,
        path: Vec::new(),
        document: Document {
            entries: Vec::new(),
            errors: errors.collect(),
        },
        full: false,
    };
    walk.table(root.get_ref());
    let mut document = walk.document;
    // The parser reports what it noticed while tokenizing before what it noticed later, and may notice a thing twice.
    let position = |error: &SyntaxError| error.span.as_ref().map(|span| (span.start, span.end));
    document
        .errors
        .sort_by(|a, b| position(a).cmp(&position(b)).then_with(|| a.message.cmp(&b.message)));
    document.errors.dedup();
    document
}

struct Walk<'t> {
    text: &'t str,
    path: Vec<Segment>,
    document: Document,
    /// Whether it was said that there are too many entries.
    full: bool,
}

impl Walk<'_> {
    fn table(&mut self, table: &DeTable<'_>) {
        for (key, value) in table {
            let span = on_boundaries(self.text, &key.span());
            self.entry(Segment::Key(key.get_ref().to_string()), Some(span), value);
        }
    }

    fn entry(&mut self, segment: Segment, key: Option<Range<usize>>, value: &Spanned<DeValue<'_>>) {
        let span = on_boundaries(self.text, &value.span());
        if self.path.len() == MAX_DEPTH {
            self.refuse(format!("nested deeper than {MAX_DEPTH} levels"), span);
            return;
        }
        if self.document.entries.len() == MAX_ENTRIES {
            if !self.full {
                self.refuse(format!("more than {MAX_ENTRIES} keys, tables and items"), span);
            }
            self.full = true;
            return;
        }
        if let Segment::Key(name) = &segment
            && name.len() > MAX_KEY
        {
            self.refuse(format!("a key longer than {MAX_KEY} bytes"), span);
            return;
        }
        self.path.push(segment);
        self.document.entries.push(Entry {
            path: self.path.clone(),
            key,
            value: span.clone(),
        });
        match value.get_ref() {
            DeValue::Table(table) => self.table(table),
            DeValue::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.entry(Segment::Index(index), None, item);
                }
            }
            // The parser leaves the digits as they are, however many there are.
            DeValue::Integer(number) if i64::from_str_radix(number.as_str(), number.radix()).is_err() => {
                self.refuse("an integer must fit into 64 bits".to_owned(), span);
            }
            _ => {}
        }
        self.path.pop();
    }

    fn refuse(&mut self, message: String, span: Range<usize>) {
        if self.document.errors.len() < MAX_ERRORS {
            self.document.errors.push(SyntaxError {
                message,
                span: Some(span),
            });
        }
    }
}

/// `span` widened to whole characters and cut to the text: the parser works on bytes, and after an error its spans
/// may end within a character.
fn on_boundaries(text: &str, span: &Range<usize>) -> Range<usize> {
    let mut start = span.start.min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let mut end = span.end.clamp(start, text.len());
    while !text.is_char_boundary(end) {
        end += 1;
    }
    start..end
}

#[cfg(test)]
mod tests;
