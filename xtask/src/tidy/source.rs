//! What holds for each source file: it says what it is for, it is short, and it leaves some things alone.

use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use super::{is_generated, is_test};

/// The most lines of a file, its tests not counted.
const FILE_LINES: usize = 600;
/// The most lines of a function.
const FUNCTION_LINES: usize = 60;

/// What is wrong with `file`, each as `:line: fault`.
pub(super) fn check(file: &str, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if is_generated(file) {
        return faults;
    }
    match file.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "rs" => rust(file, text, &mut faults),
        "py" => {
            let is_documented = text.trim_start_matches("#!/usr/bin/env python3\n").starts_with("\"\"\"");
            demand(
                is_documented || text.trim().is_empty(),
                1,
                "begin with a docstring that says what it is for",
                &mut faults,
            );
            demand(text.lines().count() <= FILE_LINES, 1, "is longer than 600 lines; split it", &mut faults);
        }
        "js" | "mjs" | "cjs" | "mts" | "cts" | "ts" => {
            let first = text.trim_start_matches("#!/usr/bin/env node\n");
            let is_documented = first.starts_with("//") || first.starts_with("/*");
            demand(is_documented, 1, "begin with a comment that says what it is for", &mut faults);
            demand(text.lines().count() <= FILE_LINES, 1, "is longer than 600 lines; split it", &mut faults);
        }
        _ => {}
    }
    faults
}

fn demand(holds: bool, line: usize, fault: &str, faults: &mut Vec<String>) {
    if !holds {
        faults.push(format!(":{line}: {fault}"));
    }
}

fn rust(file: &str, text: &str, faults: &mut Vec<String>) {
    demand(text.starts_with("//!"), 1, "begin with a `//!` that says what it is for", faults);
    demand(!file.ends_with("/mod.rs"), 1, "modules are `foo.rs` beside `foo/`, never `mod.rs`", faults);
    let tree = match syn::parse_file(text) {
        Ok(tree) => tree,
        Err(error) => return faults.push(format!(":{}: {error}", error.span().start().line)),
    };
    let mut reader = Reader { is_test: is_test(file), is_clock: file.ends_with("clock.rs"), tests: 0, faults };
    reader.visit_file(&tree);
    let lines = text.lines().count() - reader.tests;
    demand(reader.is_test || lines <= FILE_LINES, 1, "is longer than 600 lines net of tests; split it", faults);
}

/// Walks one file; `tests` counts the lines of its test modules.
struct Reader<'a> {
    is_test: bool,
    is_clock: bool,
    tests: usize,
    faults: &'a mut Vec<String>,
}

impl Reader<'_> {
    fn function(&mut self, name: &syn::Ident, span: Span) {
        let lines = span.end().line - span.start().line + 1;
        let fault = format!("`{name}` has {lines} lines, more than {FUNCTION_LINES}; cut it into parts");
        demand(lines <= FUNCTION_LINES, name.span().start().line, &fault, self.faults);
    }

    fn attributes(&mut self, attributes: &[syn::Attribute]) {
        for attribute in attributes {
            let syn::Meta::List(list) = &attribute.meta else { continue };
            let what = list.tokens.to_string();
            let line = attribute.span().start().line;
            let is_lint = ["allow", "expect"].iter().any(|name| attribute.path().is_ident(name));
            if is_lint && what.contains("disallowed_methods") {
                demand(self.is_clock || self.is_test, line, "only a clock module reads the clock", self.faults);
            }
            if is_lint {
                demand(what.contains("reason"), line, "say why the lint is off: `reason = \"…\"`", self.faults);
            }
        }
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        let is_tests = item.attrs.iter().any(is_cfg_test);
        if !is_tests {
            return visit::visit_item_mod(self, item);
        }
        let span = item.span();
        self.tests += span.end().line - span.start().line + 1;
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.sig.ident, item.block.span());
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.sig.ident, item.block.span());
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        self.attributes(std::slice::from_ref(attribute));
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        let line = call.method.span().start().line;
        demand(self.is_test || call.method != "unwrap", line, "no `unwrap` outside tests", self.faults);
        visit::visit_expr_method_call(self, call);
    }

    fn visit_expr_unsafe(&mut self, block: &'ast syn::ExprUnsafe) {
        self.faults.push(format!(":{}: no `unsafe`", block.span().start().line));
    }
}

fn is_cfg_test(attribute: &syn::Attribute) -> bool {
    let syn::Meta::List(list) = &attribute.meta else { return false };
    attribute.path().is_ident("cfg") && list.tokens.to_string().contains("test")
}
