//! The project's own tasks: `cargo xtask codegen | tidy | test | bench`. Users never need them.

mod bench;
mod clock;
mod codegen;
mod processor;
mod shell;
mod test;
mod tidy;

use std::process::ExitCode;

const HELP: &str = "\
The project's own tasks.

Usage: cargo xtask <TASK>

Tasks:
  codegen [--check]  Generate the committed clients of the four documents (--check: only compare)
  tidy               Check the invariants of ARCHITECTURE.md
  test [rust|python|node|browser|suite|examples]...
                     Run every test in all three languages; makes its own virtual environment and npm install
  bench [python|node|server|start|check]... [--quick] [--json PATH]
                     Measure beside the peers, in one run, and print one table
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        ["codegen"] => codegen::run(codegen::Mode::Write),
        ["codegen", "--check"] => codegen::run(codegen::Mode::Check),
        ["tidy"] => tidy::run(),
        ["test", parts @ ..] => test::run(parts),
        ["bench", options @ ..] => bench::run(options),
        [] | ["help" | "--help" | "-h"] => {
            shell::say(HELP.trim_end());
            Ok(())
        }
        other => Err(format!("unknown task `{}`; `cargo xtask help` lists the tasks", other.join(" "))),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            shell::complain(&message);
            ExitCode::FAILURE
        }
    }
}
