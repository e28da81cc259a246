//! One Rust file as tidy sees it: the text, its syntax, its tokens in order, and which bytes are
//! tests, tables or comments.
//!
//! INVARIANT: rules work on tokens and syntax, never on raw text, so that a word in a string or a
//! comment is not mistaken for code, nor the other way round. Not here: any rule.

use std::ops::Range;

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::visit::Visit;

/// The comment that exempts the next item from the length rules, because it is a table of data.
pub(crate) const TABLE_MARKER: &str = "// tidy: table";

/// A parsed file.
#[derive(Debug)]
pub(crate) struct RustSource {
    /// Relative to the root, with `/` between parts.
    pub(crate) path: String,
    /// All of it.
    pub(crate) text: String,
    /// The names it imports: what they are called here, and their whole path.
    pub(crate) imports: Vec<Import>,
    /// Every function with a body.
    pub(crate) functions: Vec<Function>,
    /// Identifiers, punctuation and brackets in order; literals are left out.
    pub(crate) tokens: Vec<Token>,
    /// What is between the tokens and not white space.
    pub(crate) comments: Vec<Range<usize>>,
    /// Where the lines end, in bytes.
    line_ends: Vec<usize>,
    /// Items that exist only under `#[cfg(test)]` or `#[test]`.
    tests: Vec<Range<usize>>,
    /// Items marked with [`TABLE_MARKER`].
    tables: Vec<Range<usize>>,
}

/// A name brought in by `use`.
#[derive(Debug)]
pub(crate) struct Import {
    /// What it is called in this file.
    pub(crate) name: String,
    /// Its path from the root: `std::fs::File`.
    pub(crate) path: String,
    /// Where it is written, as an offset in bytes.
    pub(crate) at: usize,
}

/// A function with a body.
#[derive(Debug)]
pub(crate) struct Function {
    /// Its name, with the type it belongs to: `Lexer::next`.
    pub(crate) name: String,
    /// From `fn` to the closing brace, in bytes.
    pub(crate) span: Range<usize>,
}

/// A token that is not a literal.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Token {
    /// The identifier, one character of punctuation, or a bracket.
    pub(crate) text: String,
    /// Where it starts, in bytes.
    pub(crate) at: usize,
}

impl RustSource {
    /// Parses `text` as the file at `path`.
    pub(crate) fn parse(path: &str, text: &str) -> Result<Self, syn::Error> {
        let stream: TokenStream = text.parse().map_err(syn::Error::from)?;
        let mut lexed = Lexed::default();
        lexed.read(stream.clone(), text);
        let file: syn::File = syn::parse2(stream)?;
        let mut items = Items { text, ..Items::default() };
        items.visit_file(&file);
        Ok(Self {
            path: path.to_owned(),
            comments: gaps(text, &lexed.covered),
            imports: items.imports,
            functions: items.functions,
            tokens: lexed.tokens,
            line_ends: text.match_indices('\n').map(|(at, _)| at).collect(),
            tests: items.tests,
            tables: items.tables,
            text: text.to_owned(),
        })
    }

    /// The line an offset is on, from 1.
    pub(crate) fn line_of(&self, at: usize) -> usize {
        self.line_ends.partition_point(|&end| end < at) + 1
    }

    /// `path:line` of an offset.
    pub(crate) fn place(&self, at: usize) -> String {
        format!("{}:{}", self.path, self.line_of(at))
    }

    /// Whether an offset is inside an item that only tests have.
    pub(crate) fn is_test(&self, at: usize) -> bool {
        is_test_path(&self.path) || self.tests.iter().any(|span| span.contains(&at))
    }

    /// Whether an offset is inside a marked table.
    pub(crate) fn is_table(&self, at: usize) -> bool {
        self.tables.iter().any(|span| span.contains(&at))
    }

    /// How many lines a span touches.
    pub(crate) fn lines_in(&self, span: &Range<usize>) -> usize {
        self.line_of(span.end.saturating_sub(1)) + 1 - self.line_of(span.start)
    }

    /// The file's lines without tests and marked tables.
    pub(crate) fn counted_lines(&self) -> usize {
        let mut counted = self.text.lines().count();
        let mut reached = 0;
        let mut spans: Vec<_> = self.tests.iter().chain(&self.tables).collect();
        spans.sort_by_key(|span| span.start);
        for span in spans {
            if span.start >= reached {
                counted = counted.saturating_sub(self.lines_in(span));
                reached = span.end;
            }
        }
        counted
    }

    /// The text of a span, empty if it does not lie on character borders.
    pub(crate) fn slice(&self, span: &Range<usize>) -> &str {
        self.text.get(span.clone()).unwrap_or_default()
    }
}

/// Whether a whole file is tests, by where it lies: `tests/`, `benches/`, or `src/**/tests.rs`.
fn is_test_path(path: &str) -> bool {
    path.contains("/tests/") || path.contains("/benches/") || path.ends_with("/tests.rs")
}

#[derive(Default)]
struct Lexed {
    tokens: Vec<Token>,
    covered: Vec<Range<usize>>,
}

impl Lexed {
    fn push(&mut self, text: impl Into<String>, span: Range<usize>) {
        self.tokens.push(Token { text: text.into(), at: span.start });
        self.covered.push(span);
    }

    fn read(&mut self, stream: TokenStream, source: &str) {
        for tree in stream {
            let span = tree.span().byte_range();
            let written = source.get(span.clone()).unwrap_or_default();
            // Documentation arrives as `#[doc = "…"]` whose tokens all span the comment.
            if written.starts_with("//") || written.starts_with("/*") {
                continue;
            }
            match tree {
                TokenTree::Ident(ident) => self.push(ident.to_string(), span),
                TokenTree::Punct(punct) => self.push(punct.as_char(), span),
                TokenTree::Literal(_) => self.covered.push(span),
                TokenTree::Group(group) => {
                    let (open, close) = match group.delimiter() {
                        Delimiter::Brace => ("{", "}"),
                        Delimiter::Bracket => ("[", "]"),
                        Delimiter::Parenthesis => ("(", ")"),
                        Delimiter::None => ("", ""),
                    };
                    self.push(open, group.span_open().byte_range());
                    self.read(group.stream(), source);
                    self.push(close, group.span_close().byte_range());
                }
            }
        }
    }
}

/// The stretches of `text` that no token covers, without white space around them.
fn gaps(text: &str, covered: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut reached = 0;
    let end = std::iter::once(text.len()..text.len());
    for span in covered.iter().cloned().chain(end) {
        let gap = text.get(reached..span.start).unwrap_or_default();
        let skipped = gap.len() - gap.trim_start().len();
        if !gap.trim().is_empty() {
            found.push(reached + skipped..reached + skipped + gap.trim().len());
        }
        reached = reached.max(span.end);
    }
    found
}

#[derive(Default)]
struct Items<'text> {
    text: &'text str,
    owner: Option<String>,
    imports: Vec<Import>,
    functions: Vec<Function>,
    tests: Vec<Range<usize>>,
    tables: Vec<Range<usize>>,
}

impl Items<'_> {
    fn note_item(&mut self, attributes: &[syn::Attribute], span: Range<usize>) {
        if attributes.iter().any(is_test_attribute) {
            self.tests.push(span.clone());
        }
        if is_marked_table(self.text, span.start) {
            self.tables.push(span);
        }
    }

    fn note_function(&mut self, signature: &syn::Signature, whole: Range<usize>) {
        let start = signature.span().byte_range().start;
        let name = match &self.owner {
            Some(owner) => format!("{owner}::{}", signature.ident),
            None => signature.ident.to_string(),
        };
        self.functions.push(Function { name, span: start..whole.end });
    }
}

impl<'ast> Visit<'ast> for Items<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        self.note_item(attributes_of(item), item.span().byte_range());
        syn::visit::visit_item(self, item);
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let at = item.span().byte_range().start;
        flatten(&item.tree, "", at, &mut self.imports);
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.note_function(&item.sig, item.span().byte_range());
        syn::visit::visit_item_fn(self, item);
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let outer = self.owner.replace(type_name(&item.self_ty));
        syn::visit::visit_item_impl(self, item);
        self.owner = outer;
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        let outer = self.owner.replace(item.ident.to_string());
        syn::visit::visit_item_trait(self, item);
        self.owner = outer;
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.note_item(&item.attrs, item.span().byte_range());
        self.note_function(&item.sig, item.span().byte_range());
        syn::visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if item.default.is_some() {
            self.note_function(&item.sig, item.span().byte_range());
        }
        syn::visit::visit_trait_item_fn(self, item);
    }
}

fn attributes_of(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Enum(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Macro(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Static(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Trait(item) => &item.attrs,
        syn::Item::Type(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// `#[test]`, `#[tokio::test]` and `#[cfg(test)]`; not `#[cfg(not(test))]`.
fn is_test_attribute(attribute: &syn::Attribute) -> bool {
    let last = attribute.path().segments.last().map(|segment| segment.ident.to_string());
    match (last.as_deref(), &attribute.meta) {
        (Some("test"), _) => true,
        (Some("cfg"), syn::Meta::List(list)) => {
            let words = list.tokens.to_string();
            words.contains("test") && !words.contains("not")
        }
        _ => false,
    }
}

/// Whether the line above an item (or above its documentation) carries the marker.
fn is_marked_table(text: &str, start: usize) -> bool {
    let before = text.get(..start).unwrap_or_default().trim_end();
    before.lines().next_back().is_some_and(|line| line.trim_start().starts_with(TABLE_MARKER))
}

fn flatten(tree: &syn::UseTree, prefix: &str, at: usize, imports: &mut Vec<Import>) {
    let joined = |ident: &dyn std::fmt::Display| {
        if prefix.is_empty() { ident.to_string() } else { format!("{prefix}::{ident}") }
    };
    let last = || prefix.rsplit("::").next().unwrap_or_default().to_owned();
    match tree {
        syn::UseTree::Path(path) => flatten(&path.tree, &joined(&path.ident), at, imports),
        syn::UseTree::Name(name) if name.ident == "self" => {
            imports.push(Import { name: last(), path: prefix.to_owned(), at });
        }
        syn::UseTree::Name(name) => {
            imports.push(Import { name: name.ident.to_string(), path: joined(&name.ident), at });
        }
        syn::UseTree::Rename(rename) => {
            let path =
                if rename.ident == "self" { prefix.to_owned() } else { joined(&rename.ident) };
            imports.push(Import { name: rename.rename.to_string(), path, at });
        }
        syn::UseTree::Glob(_) => {
            imports.push(Import { name: "*".to_owned(), path: prefix.to_owned(), at });
        }
        syn::UseTree::Group(group) => {
            for tree in &group.items {
                flatten(tree, prefix, at, imports);
            }
        }
    }
}

fn type_name(own: &syn::Type) -> String {
    let syn::Type::Path(path) = own else { return "_".to_owned() };
    let last = path.path.segments.last();
    last.map_or_else(|| "_".to_owned(), |segment| segment.ident.to_string())
}

#[cfg(test)]
mod tests {
    use super::RustSource;

    fn parse(text: &str) -> RustSource {
        RustSource::parse("crates/x/src/lib.rs", text).expect("the fixture parses")
    }

    #[test]
    fn comments_are_told_from_strings() {
        let source = parse("//! head\nconst A: &str = \"// not\"; // yes\n/* and */ fn f() {}\n");
        let comments: Vec<_> = source.comments.iter().map(|span| source.slice(span)).collect();
        assert_eq!(comments, ["//! head", "// yes\n/* and */"]);
    }

    #[test]
    fn imports_are_flattened() {
        let source = parse("use std::{fs::{self, File as F}, net};\nuse a::*;");
        let found: Vec<_> =
            source.imports.iter().map(|i| format!("{} = {}", i.name, i.path)).collect();
        assert_eq!(found, ["fs = std::fs", "F = std::fs::File", "net = std::net", "* = a"]);
    }

    #[test]
    fn tests_and_marked_tables_do_not_count() {
        let source = parse(concat!(
            "//! head\n",
            "// tidy: table (country codes)\n",
            "const T: [u8; 2] = [\n  1,\n  2,\n];\n",
            "fn f() {\n}\n",
            "#[cfg(test)]\nmod tests {\n  fn g() {}\n}\n",
        ));
        assert_eq!(source.counted_lines(), 4);
        let names: Vec<_> = source.functions.iter().map(|f| f.name.as_str()).collect();
        assert_eq!(names, ["f", "g"]);
        assert!(!source.is_test(source.functions[0].span.start));
        assert!(source.is_test(source.functions[1].span.start));
    }
}
