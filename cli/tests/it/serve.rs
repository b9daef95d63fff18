//! `bitting serve` as its users run it: ready line and file, worlds, reasons, TLS, documentation, signals.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::{bitting, folder};

const ROBOTICKS: &str = "spec/openapi/roboticks.yaml";
const DEVICES: &str = "/api/v1/organizations/acme/devices";

/// A server that runs, and what it said when it was ready.
struct Serving {
    child: Child,
    ready: Value,
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn serving(arguments: &[&str]) -> Serving {
    let mut child = Command::new(env!("CARGO_BIN_EXE_bitting"))
        .arg("serve")
        .args(arguments)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    Serving { child, ready: serde_json::from_str(&line).unwrap() }
}

impl Serving {
    fn told(&self, name: &str) -> &str {
        self.ready[name].as_str().unwrap_or_default()
    }

    /// What is answered to a request without a body.
    fn get(&self, target: &str, headers: &[&str]) -> String {
        self.begin("GET", target, headers).finish()
    }

    fn control(&self, method: &str, path: &str, body: &str) -> String {
        let url = self.told("control_url");
        let token = format!("authorization: Bearer {}", self.told("control_token"));
        let length = format!("content-length: {}", body.len());
        let below = url.splitn(4, '/').nth(3).map_or(String::new(), |below| format!("/{below}"));
        let mut asked = Asked::new(url, method, &format!("{below}{path}"), &[&token, &length]);
        asked.stream.write_all(body.as_bytes()).unwrap();
        asked.finish()
    }

    fn begin(&self, method: &str, target: &str, headers: &[&str]) -> Asked {
        Asked::new(self.told("base_url"), method, target, headers)
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    /// The exit code, once it has ended; it has so many seconds.
    fn ended(&mut self, seconds: u32) -> Option<i32> {
        for _ in 0..seconds * 100 {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("it does not end within {seconds} s");
    }
}

/// A request that waits for its answer.
struct Asked {
    stream: TcpStream,
}

impl Asked {
    fn new(url: &str, method: &str, target: &str, headers: &[&str]) -> Self {
        let host = url.trim_start_matches("http://").split('/').next().unwrap();
        let mut stream = TcpStream::connect(host).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
        write!(stream, "{method} {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n").unwrap();
        Self { stream }
    }

    fn finish(mut self) -> String {
        let mut answer = Vec::new();
        self.stream.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }
}

/// The ready line has all that a test needs, and the file has the same line, whole.
#[test]
fn whoever_waits_is_told_where_everything_is() {
    let folder = folder("ready");
    let file = folder.join("ready.json");
    let server = serving(&[ROBOTICKS, "--seed", "7", "--ready-file", &file.to_string_lossy()]);
    let written: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(written, server.ready);
    assert_eq!(server.ready["pid"], server.child.id());
    assert_eq!(server.told("docs_url"), format!("{}/docs", server.told("base_url")));
    assert!(server.told("console_url").starts_with(&format!("{}/#token=", server.told("control_url"))));
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1, "nothing is left beside it");
    assert!(server.get("/docs", &[]).contains("swagger-ui"));
    assert!(!server.get(DEVICES, &[]).to_lowercase().contains("x-bitting-reason"));
    std::fs::remove_dir_all(folder).unwrap();
}

/// A world of one's own: its key works, nobody of the usual world is there. Reasons are told to those who ask for them.
#[test]
fn a_world_and_reasons_are_asked_for() {
    let folder = folder("world");
    let file = folder.join("world.yaml");
    let world = "organizations: [{slug: initech, projects: [basement]}]\n\
                 users: [{email: ivy@initech.example, password: correct-horse, organization: initech}]\n\
                 keys: [{user: ivy@initech.example, secret: rbtk_test_ivy_0001}]\n";
    std::fs::write(&file, world).unwrap();
    let server = serving(&[ROBOTICKS, "--world", &file.to_string_lossy(), "--reasons", "--no-docs"]);
    assert!(server.ready["docs_url"].is_null());
    let key = "x-api-key: rbtk_test_ivy_0001";
    let own = server.get("/api/v1/organizations/initech/devices", &[key]);
    assert!(own.starts_with("HTTP/1.1 200"), "{own}");
    let foreign = server.get(DEVICES, &[key]).to_lowercase();
    assert!(
        foreign.starts_with("http/1.1 403") && foreign.contains("x-bitting-reason: wrong-organization"),
        "{foreign}"
    );
    let wrong = server.get("/api/v1/organizations/initech/devices?limit=many", &[key]).to_lowercase();
    assert!(wrong.contains("x-bitting-detail: query parameter `limit`"), "{wrong}");
    let nobody = server.get(DEVICES, &[]).to_lowercase();
    assert!(nobody.contains("x-bitting-reason: missing"), "{nobody}");
    assert!(server.get("/docs", &[]).starts_with("HTTP/1.1 404"));
    std::fs::remove_dir_all(folder).unwrap();
}

/// What cannot be is told with the place, and the exit code is that of wrong usage.
#[test]
fn what_cannot_be_served_is_told() {
    let folder = folder("unserved");
    let file = folder.join("world.yaml");
    std::fs::write(&file, "organizations: [{slug: here}]\nusers: [{email: a@b.example, password: x, organization: here}]\nkeys: [{user: nobody}]\n").unwrap();
    let name = file.to_string_lossy().into_owned();
    let gone = folder.join("nowhere").join("ready.json").to_string_lossy().into_owned();
    let cases: [(&[&str], &str); 7] = [
        (&[ROBOTICKS, "--world", &name], &format!("{name}:3")),
        (&[ROBOTICKS, "--world", "nowhere.yaml"], "nowhere.yaml: No such file"),
        (&[ROBOTICKS, "--ready-file", &gone], "name a file in a folder that can be written"),
        (&[ROBOTICKS, "--defect", "M99"], "`M99` is no defect"),
        (&[ROBOTICKS, "--tls", "letsencrypt"], "self-signed"),
        (&[ROBOTICKS, "--same-port", "--control-port", "1"], "cannot be used with"),
        (&["nowhere.yaml"], "nowhere.yaml: cannot be read"),
    ];
    for (arguments, words) in cases {
        let done = bitting(&[&["serve"], arguments].concat());
        assert_eq!(done.code, Some(2), "{arguments:?}: {}", done.err);
        assert!(done.err.contains(words) && done.out.is_empty(), "{arguments:?}: {}", done.err);
    }
    let server = serving(&[ROBOTICKS]);
    let port = server.told("base_url").rsplit(':').next().unwrap().to_owned();
    let taken = bitting(&["serve", ROBOTICKS, "--port", &port]);
    assert!(taken.code == Some(2) && taken.err.contains("choose another port"), "{}", taken.err);
    std::fs::remove_dir_all(folder).unwrap();
}

/// TLS: the certificate of the ready line is all that a client needs; plain HTTP gets nothing. The control plane stays
/// plain on its own port, and speaks TLS where it shares the server's.
#[test]
fn tls_is_spoken_where_it_is_asked_for() {
    let folder = folder("tls");
    let file = folder.join("certificate.pem");
    for more in [&[][..], &["--same-port"]] {
        let server = serving(&[&[ROBOTICKS, "--tls", "self-signed"], more].concat());
        assert!(server.told("base_url").starts_with("https://127.0.0.1:"));
        assert_eq!(server.told("control_url").starts_with("https://"), !more.is_empty());
        std::fs::write(&file, server.told("certificate")).unwrap();
        let url = format!("{}{DEVICES}", server.told("base_url"));
        let asked = |trust: &[&str]| {
            let mut curl = Command::new("curl");
            curl.args(["--silent", "--noproxy", "*", "--output", "/dev/null", "--write-out", "%{http_code}", &url]);
            String::from_utf8(curl.args(trust).output().unwrap().stdout).unwrap()
        };
        assert_eq!(asked(&["--cacert", &file.to_string_lossy()]), "401");
        assert_eq!(asked(&[]), "000", "nobody else vouches for it");
    }
    std::fs::remove_dir_all(folder).unwrap();
}

/// One port is enough: the control plane is below `/__bitting` and needs its token there too.
#[test]
fn one_port_is_enough() {
    let server = serving(&[ROBOTICKS, "--same-port", "--tenancy", "hide"]);
    assert_eq!(server.told("control_url"), format!("{}/__bitting", server.told("base_url")));
    assert!(server.get("/__bitting/v1/world", &[]).starts_with("HTTP/1.1 401"));
    let made = server.control("POST", "/v1/keys", "{\"user\": \"ada@acme.example\"}");
    let made: Value = serde_json::from_str(made.split_once("\r\n\r\n").unwrap().1).unwrap();
    let key = format!("x-api-key: {}", made["secret"].as_str().unwrap());
    assert!(server.get(DEVICES, &[&key]).starts_with("HTTP/1.1 200"));
    let foreign = server.get("/api/v1/organizations/globex/devices", &[&key]);
    assert!(foreign.starts_with("HTTP/1.1 404"), "{foreign}");
}

/// SIGTERM, SIGINT and the control plane end it in the same way: an answer on its way comes whole, nobody is let in any
/// more, and it is over soon.
#[test]
#[cfg(unix)]
fn the_end_waits_for_answers_on_their_way() {
    for how in ["TERM", "INT", "POST /v1/shutdown"] {
        let mut server = serving(&[ROBOTICKS]);
        let fault = "{\"times\": 1, \"effect\": {\"kind\": \"latency\", \"milliseconds\": 700}}";
        assert!(server.control("POST", "/v1/faults", fault).starts_with("HTTP/1.1 201"));
        let asked = server.begin("GET", DEVICES, &[]);
        std::thread::sleep(Duration::from_millis(200));
        match how {
            "POST /v1/shutdown" => drop(server.control("POST", "/v1/shutdown", "")),
            name => server.signal(name),
        }
        std::thread::sleep(Duration::from_millis(100));
        let host = server.told("base_url").trim_start_matches("http://");
        assert!(TcpStream::connect(host).is_err(), "{how}: nobody is let in any more");
        let answer = asked.finish();
        assert!(answer.starts_with("HTTP/1.1 401") && answer.ends_with('}'), "{how}: {answer}");
        assert_eq!(server.ended(8), Some(0), "{how}");
    }
}

/// An answer that never comes holds the end up for five seconds and no longer, and not at all for whoever asks twice.
#[test]
#[cfg(unix)]
fn the_end_does_not_wait_for_ever() {
    for (signals, longest) in [(1, 8), (2, 2)] {
        let mut server = serving(&[ROBOTICKS]);
        let fault = "{\"effect\": {\"kind\": \"hang\"}}";
        assert!(server.control("POST", "/v1/faults", fault).starts_with("HTTP/1.1 201"));
        let _asked = server.begin("GET", DEVICES, &[]);
        std::thread::sleep(Duration::from_millis(200));
        for _ in 0..signals {
            server.signal("INT");
            std::thread::sleep(Duration::from_millis(200));
        }
        assert_eq!(server.ended(longest), Some(0));
    }
}

/// Every line that `--help` shows can be run as it stands.
#[test]
fn the_calls_of_the_help_work() {
    let help = bitting(&["serve", "--help"]).out.replace("\\\n", "");
    let server = serving(&[ROBOTICKS]);
    let calls: Vec<&str> = help.lines().map(str::trim).filter(|line| line.starts_with("curl ")).collect();
    assert!(calls.len() >= 8, "{help}");
    for call in calls {
        let line = call.replacen("curl ", "curl --silent --show-error --fail-with-body --noproxy '*' ", 1);
        let mut shell = Command::new("sh");
        shell.args(["-c", &line]).env("CONTROL", server.told("control_url")).env("TOKEN", server.told("control_token"));
        let done = shell.output().unwrap();
        let text = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{call}: {text}");
    }
}
