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
    1  findings (--fail-on, --baseline)
    2  wrong usage, or a document that cannot be used
    3  the server is out of reach, nothing of it was reached, or a credential does not work
    4  a check that is required could not run (--require)
  130  interrupted";

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
    Check(Box<Check>),
    /// Run a stateful reference server that behaves as the document says
    Serve(Serve),
    /// Try again what a finding of a report says
    Replay(Replay),
    /// Generate a client for Rust, Python or Node
    Generate(Generate),
    /// Log in once, so that later calls from any language need no credential
    Login(crate::login::LogIn),
    /// Revoke and forget a login
    Logout(crate::login::LogOut),
    /// Write a settings file for `bitting check` to begin with
    Init(Init),
    /// Say what a check demands, and why
    Explain(Explain),
}

/// Check a server against its document, above all who gets in and who must not.
///
/// Without --url the built-in reference server is started and checked.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Check {
    /// The OpenAPI document (3.0 or 3.1; YAML or JSON): a file, or a URL such as http://127.0.0.1:8000/openapi.json
    /// [default: the one that bitting.toml names]
    pub(crate) document: Option<PathBuf>,
    /// The server to check [default: the built-in reference server]
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// Settings from this file (TOML, or JSON with the same members; `-`: standard input). An option given here comes
    /// before its member there [default: bitting.toml of this folder, where no document is given]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Who may do what, with secrets from environment variables (TOML), or the users of a Web Fuzzing Commons file (YAML)
    #[arg(long, value_name = "FILE")]
    pub(crate) credentials: Option<PathBuf>,
    /// Test a server that is not on this machine. It is yours, and may lose data: a run creates, changes and deletes
    #[arg(long)]
    pub(crate) i_own_this: bool,
    /// Trust the certificates in this file too (PEM), for a server with an authority of its own
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// Speak HTTP/2 without TLS, by prior knowledge; with TLS the server chooses
    #[arg(long)]
    pub(crate) http2: bool,
    /// The control plane that makes credentials expire and be revoked, and its token from BITTING_CONTROL_TOKEN
    #[arg(long, value_name = "URL", requires = "url")]
    pub(crate) control_url: Option<String>,
    /// Only this check or family, such as `token.expired` or `tenancy.*` (repeatable)
    #[arg(long, value_name = "ID")]
    pub(crate) only: Vec<String>,
    /// Only this operation, by its operationId (repeatable)
    #[arg(long, value_name = "ID")]
    pub(crate) operation: Vec<String>,
    /// What generated cases grow from; the same seed makes the same cases [default: 0]
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// The most generated cases for one operation [default: 120]
    #[arg(long, value_name = "N")]
    pub(crate) max_cases: Option<u32>,
    /// The most time for the whole run, such as `30s` or `5m`
    #[arg(long, value_name = "TIME", value_parser = bitting_conformance::duration)]
    pub(crate) max_time: Option<Duration>,
    /// The longest that the run waits for a token to end, to see that it is refused then [default: 90s]
    #[arg(long, value_name = "TIME", value_parser = bitting_conformance::duration)]
    pub(crate) max_wait: Option<Duration>,
    /// The most requests in a second [default: as many as the server answers]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rate: Option<u32>,
    /// Write a report: `FORM=PATH` with html, json, ndjson, junit, sarif, har or wfc (`-`: standard output), or `github`
    /// for annotations and a summary of the job (repeatable)
    #[arg(long, value_name = "FORM[=PATH]")]
    pub(crate) report: Vec<Report>,
    /// The least severity that makes the run fail [default: error]
    #[arg(long, value_name = "SEVERITY")]
    pub(crate) fail_on: Option<FailOn>,
    /// Accept the findings whose ids stand in this file
    #[arg(long, value_name = "FILE")]
    pub(crate) baseline: Option<PathBuf>,
    /// Write what was found to the file of --baseline, so that the next run accepts it
    #[arg(long)]
    pub(crate) write_baseline: bool,
    /// Fail when this check or family could not run wherever it applies (repeatable)
    #[arg(long, value_name = "ID")]
    pub(crate) require: Vec<String>,
    /// Say what would be checked where, what cannot be and what to give; no operation is called, though a provisioner may be
    /// asked (`--report json=PATH` for programs)
    #[arg(long)]
    pub(crate) plan: bool,
    /// Switch a deliberate defect of the reference server on (repeatable; `bitting serve --list-defects`)
    #[arg(long, value_name = "ID", conflicts_with = "url")]
    pub(crate) defect: Vec<String>,
    /// List the checks with what they need, and stop
    #[arg(long)]
    pub(crate) list: bool,
    /// Print the findings and the result alone
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

/// A severity that a run can fail on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FailOn {
    /// Everything that was found
    Note,
    /// What is wrong for certain
    Error,
}

/// A report, and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Report {
    /// A file.
    File(Form, PathBuf),
    /// Annotations on standard output, and the summary of the job.
    Github,
}

/// The form of a report in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// One page for people.
    Html,
    /// Everything, for programs.
    Json,
    /// JUnit XML, one test case for each check and operation.
    Junit,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// One JSON object a line: each verdict when it comes, then the result.
    Ndjson,
    /// HAR 1.2: the request and the answer of each finding, for a browser's tools.
    Har,
    /// The report of Web Fuzzing Commons.
    Wfc,
}

impl std::str::FromStr for Report {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (form, path) = text.split_once('=').unwrap_or((text, ""));
        match (form, path) {
            ("github", "") => Ok(Self::Github),
            ("github", _) => Err("`github` has no path: it goes to standard output and to the job".to_owned()),
            (form, path) => {
                let known = "html, json, ndjson, junit, sarif, har, wfc and github";
                let form = Form::from_str(form, true)
                    .map_err(|_| format!("`{form}` is no form of a report; there are {known}"))?;
                if path.is_empty() {
                    return Err(format!("a path is missing: write `{text}=PATH`").replace("==", "="));
                }
                Ok(Self::File(form, path.into()))
            }
        }
    }
}

/// Try again what a finding of a report says: the same check on the same operation with the same cases.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 it is mended, 1 it is still there, 4 it could not be tried, 2 and 3 as for `bitting check`"
)]
pub(crate) struct Replay {
    /// The finding's id, such as `267db312`
    pub(crate) id: String,
    /// The report that has it, as `--report json=PATH` has written it
    #[arg(long, value_name = "PATH")]
    pub(crate) report: PathBuf,
    /// Another server than the one of the report
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
}

/// What to ask of the control plane first. A test of the command line runs each of these lines.
const CONTROL_CALLS: &str = r#"Calls of the control plane, with control_url and control_token of the
ready line as $CONTROL and $TOKEN; $CONTROL/v1/openapi.yaml describes them all:

  # the keys, passwords and OAuth clients of the beginning
  curl --oauth2-bearer $TOKEN $CONTROL/v1/credentials
  # a key for an hour
  curl --oauth2-bearer $TOKEN $CONTROL/v1/keys \
       -d '{"user": "ada@acme.example", "ttl": 3600}'
  # a token that is wrong on purpose
  curl --oauth2-bearer $TOKEN $CONTROL/v1/tokens \
       -d '{"user": "ada@acme.example", "tamper": "bad-signature"}'
  # an hour later: whatever lives for an hour has expired
  curl --oauth2-bearer $TOKEN $CONTROL/v1/clock/advance -d '{"seconds": 3600}'
  # the next two requests fail
  curl --oauth2-bearer $TOKEN $CONTROL/v1/faults \
       -d '{"times": 2, "effect": {"kind": "status", "status": 503}}'
  # five requests in a minute, and no more
  curl --oauth2-bearer $TOKEN -X PUT $CONTROL/v1/rate-limits \
       -d '{"limit": 5, "window": 60}'
  # what was asked, and why it was refused
  curl --oauth2-bearer $TOKEN $CONTROL/v1/journal
  # the world as it was at the start
  curl --oauth2-bearer $TOKEN -X POST $CONTROL/v1/reset

SIGINT or SIGTERM ends it: answers on their way go out first, for at most five seconds."#;

/// Run a stateful reference server that behaves as the document says.
///
/// When it is ready it prints one line of JSON: base_url, control_url, control_token, docs_url, console_url, pid.
/// docs_url is Swagger UI, console_url a page to make keys and watch requests; both are for a browser.
#[derive(Debug, Args)]
#[command(after_long_help = CONTROL_CALLS)]
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
    /// Put the control plane at /__bitting of the server's own port, where one port is all there is
    #[arg(long, conflicts_with = "control_port")]
    pub(crate) same_port: bool,
    /// What the seeded data grow from; the same seed makes the same world
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Who and what the world begins with (YAML or JSON): organizations, users, keys, OAuth clients, objects
    /// [default: two organizations and what the seed makes]
    #[arg(long, value_name = "FILE")]
    pub(crate) world: Option<PathBuf>,
    /// Write the ready line to this file too, whole or not at all
    #[arg(long, value_name = "FILE")]
    pub(crate) ready_file: Option<PathBuf>,
    /// Tell in the headers `X-Bitting-Reason` and `X-Bitting-Detail` why a request was refused
    #[arg(long)]
    pub(crate) reasons: bool,
    /// Keep headers and bodies of the latest requests for $CONTROL/v1/journal.har, secrets masked
    #[arg(long)]
    pub(crate) record: bool,
    /// Answer a path of another organization with 403 or with 404 [default: as `x-auth.tenant_isolation` says, else 403]
    #[arg(long, value_name = "POLICY")]
    pub(crate) tenancy: Option<Tenancy>,
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

/// What a caller of another organization is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Tenancy {
    /// 403: it may be there
    Forbid,
    /// 404: it is as if it were not there
    Hide,
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

/// Write a settings file for `bitting check` to begin with: what the document asks for, each member with a comment.
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// The OpenAPI document (3.0 or 3.1; YAML or JSON)
    pub(crate) document: PathBuf,
    /// The file to write; one that is there stays as it is (`-`: standard output)
    #[arg(long, value_name = "FILE", default_value = "bitting.toml")]
    pub(crate) out: PathBuf,
}

/// Say what a check demands, and why.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The check's id, such as `token.expired`, or `provisioner` for the protocol of programs that make credentials
    pub(crate) id: String,
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
    fn reports_have_a_form_and_a_path() {
        let report = |text: &str| text.parse::<Report>();
        assert_eq!(report("html=out/report.html"), Ok(Report::File(Form::Html, "out/report.html".into())));
        assert_eq!(report("github"), Ok(Report::Github));
        for wrong in ["junit", "junit=", "pdf=x", "github=x", ""] {
            assert!(report(wrong).is_err(), "{wrong}");
        }
    }
}
