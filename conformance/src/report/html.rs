//! The report as one HTML page that needs nothing else: for people, on a screen of any width and on paper.

mod finding;
mod matrix;
mod overview;
mod text;

use crate::verdict::Report;
use text::escape;

const STYLE: &str = include_str!("html/page.css");
const SCRIPT: &str = include_str!("html/page.js");

/// The report as one HTML page without any outside resource. It reads without its script, which only filters, copies and
/// opens.
#[must_use]
pub fn html(report: &Report) -> String {
    let title = escape(&report.title);
    let sections = [
        finding::section(report),
        matrix::credentials(report),
        matrix::scopes(report),
        overview::checks(report),
        overview::left_out(report),
    ];
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; \
         script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n\
         <title>{title}: {verdict}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <a class=\"skip\" href=\"#findings\">Skip to the findings</a>\n{header}\n<main>\n{sections}</main>\n{footer}\n\
         <script>\n{SCRIPT}</script>\n</body>\n</html>\n",
        verdict = overview::verdict(report),
        header = overview::header(report),
        sections = sections.concat(),
        footer = overview::footer(report),
    )
}
