//! Everything that a run needs, from one file: TOML, or JSON with the same members.

mod duration;
mod file;
mod starter;

use std::path::Path;

pub use duration::duration;
pub use starter::starter;

use crate::credentials::{Credentials, Source};
use crate::error::Error;
use crate::options::Options;

/// What a settings file says.
///
/// ```toml
/// document = "openapi.yaml"            # paths start from this file's folder
/// only = ["auth", "response.*"]        # checks or families; all of them where it is left out
/// require = ["tenancy.*"]              # has to run wherever it applies
/// fail-on = "error"                    # or "note"
/// baseline = "known.txt"
/// report = ["junit=report.xml", "html=report.html"]
///
/// [target]
/// url = "http://127.0.0.1:8080"
/// ca = "authority.pem"                 # trusted beside those of the system
/// owned = true                         # needed where the server is not on this machine
/// http2 = true                         # without TLS: HTTP/2 by prior knowledge
///
/// [credentials.valid]                  # see `Credentials::parse`
/// secrets = { ApiKeyHeader = { env = "ROBOTICKS_API_KEY" } }
///
/// [provisioner]
/// command = ["python3", "provisioner.py"]
///
/// [rules]                              # off, note or error; the closest pattern counts
/// "http.*" = "note"
///
/// [data]
/// parameters = { org_slug = "acme" }   # wherever an operation has such a parameter
///
/// [operations.createDevice]
/// rules = { "input.negative" = "off" }
/// parameters = { dry_run = true }
/// body = { name = "picker", serial_number = "RBT-0001" }
///
/// [budget]
/// max-time = "5m"
/// max-wait = "90s"                     # the longest that it waits for a token to end
/// leeway = "60s"                       # how long after its end a token may still be taken
/// max-cases = 120
/// rate = 50                            # requests in a second
/// workers = 8
/// timeout = "10s"
/// seed = 0
/// ```
#[derive(Debug, Clone)]
pub struct Settings {
    /// The path of the document, from the folder of the file.
    pub document: Option<String>,
    /// The server's base URL.
    pub url: Option<String>,
    /// The path of certificates in PEM that are trusted beside those of the system.
    pub authority: Option<String>,
    /// Who the suite can be. `None`: the file names nobody, and no provisioner.
    pub credentials: Option<Credentials>,
    /// The path of the baseline.
    pub baseline: Option<String>,
    /// The reports to write, each `FORM=PATH` or `github`.
    pub reports: Vec<String>,
    /// What to check, how much and how fast. What the file leaves out is as in [`Options::default`].
    pub options: Options,
}

impl Settings {
    /// Reads the text of a settings file. `name` is its path: what errors call it, and where relative paths start. A
    /// value of a principal is a text, or says where it is: `{ env = "NAME" }` for what `lookup` has under that name,
    /// `{ file = "PATH" }`, or `{ command = ["PROGRAM", "ARGUMENT"] }` for what a command prints.
    ///
    /// # Errors
    /// [`Error::Config`] with file, line and member of a fault and what is allowed there, or with the variable, file or
    /// command that a value does not come from. No secret is in it.
    pub fn parse(name: &str, text: &str, lookup: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let folder = Path::new(name).parent().unwrap_or(Path::new(""));
        file::parse(text, Source { name, folder, lookup: &lookup })
    }

    /// The same for a file that holds principals and a provisioner alone ([`Credentials::parse`]).
    pub(crate) fn principals(
        name: &str,
        text: &str,
        lookup: impl Fn(&str) -> Option<String>,
    ) -> Result<Credentials, Error> {
        let folder = Path::new(name).parent().unwrap_or(Path::new(""));
        file::principals(text, Source { name, folder, lookup: &lookup })
    }
}
