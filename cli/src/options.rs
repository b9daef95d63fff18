//! What the command line takes. The words here are what `--help` shows.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::Styles;
use clap::builder::styling::{AnsiColor, Style};
use clap::{Args, Parser, Subcommand, ValueEnum};

const STYLES: Styles = Styles::styled()
    .header(Style::new().bold())
    .usage(Style::new().bold())
    .literal(AnsiColor::Cyan.on_default())
    .placeholder(Style::new().dimmed());

const EXIT_CODES: &str = "\
Exit codes:
  0  no findings
  1  findings
  2  wrong usage, or a document that cannot be used
  3  the server is out of reach, or a credential that should work does not";

/// One OpenAPI document drives everything: a client, a reference server, and checks for any server.
#[derive(Debug, Parser)]
#[command(name = "bitting", version, styles = STYLES, max_term_width = 100, arg_required_else_help = true)]
pub(crate) struct Options {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check a server against its document, above all who gets in and who must not
    Check(Check),
    /// Run a stateful reference server that behaves as the document says
    Serve(Serve),
    /// Generate a client for Rust, Python or Node
    Generate(Generate),
    /// Say what a check demands, and why
    Explain(Explain),
}

/// Check a server against its document, above all who gets in and who must not.
///
/// Without --url the built-in reference server is started and checked.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Check {
    /// The OpenAPI document (3.0 or 3.1; YAML or JSON)
    #[arg(required_unless_present = "list")]
    pub(crate) document: Option<PathBuf>,
    /// The server to check [default: the built-in reference server]
    #[arg(long, value_name = "URL", conflicts_with = "defect")]
    pub(crate) url: Option<String>,
    /// Who may do what, with secrets from environment variables (TOML)
    #[arg(long, value_name = "FILE")]
    pub(crate) credentials: Option<PathBuf>,
    /// The control plane that makes credentials expire and be revoked, and its token from BITTING_CONTROL_TOKEN
    #[arg(long, value_name = "URL", requires = "url")]
    pub(crate) control_url: Option<String>,
    /// Only this check or family, such as `token.expired` or `tenancy.*` (repeatable)
    #[arg(long, value_name = "ID")]
    pub(crate) only: Vec<String>,
    /// Only this operation, by its operationId (repeatable)
    #[arg(long, value_name = "ID")]
    pub(crate) operation: Vec<String>,
    /// What generated cases grow from; the same seed makes the same cases
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// The most generated cases for one operation
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(crate) max_cases: u32,
    /// The most time for the whole run, such as `30s` or `5m`
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) max_time: Option<Duration>,
    /// Write a report to a file (repeatable)
    #[arg(long, value_name = "junit=PATH")]
    pub(crate) report: Vec<Report>,
    /// Switch a deliberate defect of the reference server on (repeatable; `bitting serve --list-defects`)
    #[arg(long, value_name = "ID")]
    pub(crate) defect: Vec<String>,
    /// List the checks with what they need, and stop
    #[arg(long)]
    pub(crate) list: bool,
    /// Say nothing but the findings
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

/// A report: its form and where it goes.
#[derive(Debug, Clone)]
pub(crate) struct Report {
    pub(crate) form: Form,
    pub(crate) path: PathBuf,
}

/// The form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// JUnit XML, one test case for each check and operation
    Junit,
}

impl std::str::FromStr for Report {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (form, path) = text.split_once('=').ok_or("write `junit=PATH`, for example `junit=report.xml`")?;
        let form =
            Form::from_str(form, true).map_err(|_| format!("`{form}` is no form of a report; there is: junit"))?;
        if path.is_empty() {
            return Err("a path is missing behind `=`".to_owned());
        }
        Ok(Self { form, path: path.into() })
    }
}

/// Run a stateful reference server that behaves as the document says.
///
/// When it is ready it prints one line of JSON: base_url, control_url, control_token, docs_url, console_url, pid.
/// docs_url is Swagger UI, console_url a page to make keys and watch requests; both are for a browser.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The OpenAPI document (3.0 or 3.1; YAML or JSON)
    #[arg(required_unless_present = "list_defects")]
    pub(crate) document: Option<PathBuf>,
    /// The port on 127.0.0.1 [default: any free one]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub(crate) port: u16,
    /// The control plane's port on 127.0.0.1 [default: any free one]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub(crate) control_port: u16,
    /// What the seeded data grow from; the same seed makes the same world
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Speak TLS, with a certificate that the ready line tells as `certificate` (PEM); HTTP/2 works with and without
    #[arg(long, value_name = "KIND")]
    pub(crate) tls: Option<Certificate>,
    /// Leave the interactive documentation at /docs out
    #[arg(long)]
    pub(crate) no_docs: bool,
    /// Switch a deliberate defect on (repeatable)
    #[arg(long, value_name = "ID")]
    pub(crate) defect: Vec<String>,
    /// List the deliberate defects, and which the document can express, and stop
    #[arg(long)]
    pub(crate) list_defects: bool,
}

/// Where a certificate comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Certificate {
    /// The server makes one for 127.0.0.1 and localhost when it starts
    SelfSigned,
}

/// Generate a client for Rust, Python or Node.
#[derive(Debug, Args)]
pub(crate) struct Generate {
    /// The OpenAPI document (3.0 or 3.1; YAML or JSON)
    pub(crate) document: PathBuf,
    /// The folder to write to
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// The languages, separated by commas
    #[arg(long, value_name = "LANG", value_delimiter = ',', default_value = "rust,python,node")]
    pub(crate) lang: Vec<Lang>,
    /// The API's name in kebab case [default: from the file's name or the title]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
}

/// A language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Lang {
    Rust,
    Python,
    Node,
}

/// Say what a check demands, and why.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The check's id, such as `token.expired`
    pub(crate) id: String,
}

/// A time such as `90`, `30s`, `5m` or `1h`.
fn duration(text: &str) -> Result<Duration, String> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: u64 = number.parse().map_err(|_| "write a number and a unit, such as `30s` or `5m`".to_owned())?;
    let scale = match unit {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        other => return Err(format!("`{other}` is no unit of time; write `s`, `m` or `h`")),
    };
    number.checked_mul(scale).map(Duration::from_secs).ok_or_else(|| "that is too long".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        use clap::CommandFactory;
        Options::command().debug_assert();
    }

    #[test]
    fn times_have_units() {
        assert_eq!(duration("90"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("5m"), Ok(Duration::from_secs(300)));
        assert!(duration("5d").is_err() && duration("").is_err() && duration("99999999999999999999h").is_err());
    }
}
