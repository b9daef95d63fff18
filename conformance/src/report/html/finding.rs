//! The findings: a list that can be filtered, each with all that is needed to see it again.

use super::text::{anchor, escape, operation, sentence};
use crate::finding::{Finding, Sent, Severity};
use crate::verdict::Report;

/// Few findings are shown open.
const OPEN: usize = 3;

pub(super) fn section(report: &Report) -> String {
    let findings = report.findings();
    if findings.is_empty() {
        return format!(
            "<section id=\"findings\" aria-labelledby=\"findings-h\">\n<h2 id=\"findings-h\">Findings</h2>\n\
             <p class=\"calm\">{}</p>\n</section>\n",
            nothing(report)
        );
    }
    let open = findings.len() <= OPEN;
    let list: String = findings.iter().map(|found| card(report, found, open)).collect();
    format!(
        "<section id=\"findings\" aria-labelledby=\"findings-h\">\n<h2 id=\"findings-h\">Findings</h2>\n\
         <p class=\"lead\">Failures of one cause are one finding. Each has the request that shows it; a secret stands as \
         a variable.</p>\n{}\n<ol class=\"findings\">\n{list}</ol>\n</section>\n",
        controls(&findings)
    )
}

fn nothing(report: &Report) -> &'static str {
    let skipped = report.verdicts.iter().any(|verdict| matches!(verdict.outcome, crate::Outcome::Skip { .. }));
    if skipped {
        "Nothing wrong was found in what could be checked. What could not be is listed at the end, with what to give."
    } else {
        "Nothing wrong was found, and nothing was left out."
    }
}

/// The filters. They are shown by the script alone, for without it they would do nothing.
fn controls(findings: &[Finding]) -> String {
    let mut families: Vec<&str> = findings.iter().filter_map(|found| found.check.split('.').next()).collect();
    families.sort_unstable();
    families.dedup();
    let options: String =
        families.iter().map(|family| format!("<option value=\"{0}\">{0}</option>", escape(family))).collect();
    format!(
        "<form class=\"filters\" role=\"search\" aria-label=\"Filter the findings\" hidden>\n\
         <label>Search <input type=\"search\" name=\"words\" placeholder=\"check, path, cause\" autocomplete=\"off\"></label>\n\
         <label>Severity <select name=\"severity\"><option value=\"\">all</option><option value=\"error\">errors</option>\
         <option value=\"note\">notes</option><option value=\"accepted\">accepted</option></select></label>\n\
         <label>Family <select name=\"family\"><option value=\"\">all</option>{options}</select></label>\n\
         <button type=\"button\" name=\"toggle\" aria-pressed=\"false\">Open all</button>\n\
         <output name=\"shown\" aria-live=\"polite\">{} shown</output>\n</form>",
        findings.len()
    )
}

fn card(report: &Report, found: &Finding, open: bool) -> String {
    let severity = severity(found);
    let family = found.check.split('.').next().unwrap_or_default();
    let open = if open { " open" } else { "" };
    let (others, explained) = (found.also_on.join(" "), found.explains.join(" "));
    let words = format!("{} {} {} {} {others} {explained}", found.id, found.check, found.place, found.cause);
    format!(
        "<li data-severity=\"{severity}\" data-family=\"{}\" data-words=\"{}\">\n\
         <details id=\"{}\"{open}>\n<summary><span class=\"badge {severity}\">{severity}</span>\n\
         <span class=\"title\"><strong>{}</strong>\n<span class=\"where\">{}{} · <span class=\"check\">{}</span></span></span>\
         </summary>\n<div class=\"body\">\n{}{}{}{}{}</div>\n</details>\n</li>\n",
        escape(family),
        escape(&words.to_lowercase()),
        anchor(&found.id),
        sentence(&found.cause),
        operation(&found.place),
        more(found),
        escape(found.check),
        facts(found),
        also(report, found),
        explains(found),
        exchange(found),
        commands(found),
    )
}

pub(super) fn severity(found: &Finding) -> &'static str {
    match (found.accepted, found.severity) {
        (true, _) => "accepted",
        (_, Severity::Error) => "error",
        (_, Severity::Note) => "note",
    }
}

fn more(found: &Finding) -> String {
    match found.also_on.len() {
        0 => String::new(),
        more => format!(" <span class=\"more\">and {more} more</span>"),
    }
}

fn facts(found: &Finding) -> String {
    let status = found.got.status.map(|status| format!("<b>{status}</b> ")).unwrap_or_default();
    let summary = if found.got.summary == found.cause && found.got.status.is_some() {
        String::new()
    } else {
        sentence(&found.got.summary)
    };
    format!(
        "<dl class=\"facts\">\n<div><dt>Rule</dt><dd>{} <span class=\"source\">{}</span></dd></div>\n\
         <div><dt>Expected</dt><dd>{}</dd></div>\n<div><dt>Got</dt><dd>{status}{summary}</dd></div>\n\
         <div><dt>Document</dt><dd><code>{}</code><br><code class=\"pointer\">{}</code></dd></div>\n\
         <div><dt>Id</dt><dd><code>{}</code></dd></div>\n</dl>\n",
        sentence(found.rule),
        escape(found.source),
        sentence(&found.expected),
        escape(&found.location()),
        escape(&found.pointer).replace('/', "<wbr>/"),
        escape(&found.id),
    )
}

/// The other operations of the same cause.
fn also(report: &Report, found: &Finding) -> String {
    if found.also_on.is_empty() {
        return String::new();
    }
    let place = |id: &String| {
        let known = report.operations.iter().find(|operation| operation.id == *id);
        known.map_or_else(|| escape(id), |known| operation(&known.place))
    };
    let items: String = found.also_on.iter().map(|id| format!("<li>{}</li>\n", place(id))).collect();
    format!("<h3>Also on</h3>\n<ul class=\"also\">\n{items}</ul>\n")
}

/// The checks that fail for the same reason.
fn explains(found: &Finding) -> String {
    if found.explains.is_empty() {
        return String::new();
    }
    let checks: Vec<String> = found.explains.iter().map(|id| format!("<code>{}</code>", escape(id))).collect();
    format!("<h3>Explains</h3>\n<p class=\"explains\">Why these fail there too: {}</p>\n", checks.join(", "))
}

/// Request and answer side by side.
fn exchange(found: &Finding) -> String {
    let mut answer = found.got.status.map(|status| format!("HTTP {status}\n")).unwrap_or_default();
    for (name, value) in &found.got.headers {
        answer.push_str(&format!("{name}: {value}\n"));
    }
    if !found.got.body.is_empty() {
        answer.push_str(&format!("\n{}", pretty(&found.got.body)));
    }
    let part = |name: &str, text: &str| {
        if text.is_empty() {
            String::new()
        } else {
            format!(
                "<figure><figcaption>{name}</figcaption><pre tabindex=\"0\">{}</pre></figure>\n",
                escape(text.trim_end())
            )
        }
    };
    format!(
        "<div class=\"exchange\">\n{}{}</div>\n",
        part("Request", &found.request.as_ref().map(Sent::text).unwrap_or_default()),
        part("Answer", &answer)
    )
}

/// JSON over several lines; anything else as it is.
fn pretty(body: &str) -> String {
    serde_json::from_str::<serde_json::Value>(body).map_or_else(|_| body.to_owned(), |value| format!("{value:#}"))
}

fn commands(found: &Finding) -> String {
    let command = |name: &str, text: &str| {
        if text.is_empty() {
            return String::new();
        }
        format!(
            "<div class=\"command\"><h3>{name}</h3><button type=\"button\" class=\"copy\" hidden>Copy<span class=\"sr\"> the \
             {name} command</span></button>\n<pre tabindex=\"0\">{}</pre></div>\n",
            escape(text)
        )
    };
    command("curl", &found.curl) + &command("replay", &found.replay_command())
}
