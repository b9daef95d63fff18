//! The `bitting` command: one OpenAPI document in, and a checked server, a reference server or a client out.

mod check;
mod document;
mod explain;
mod failure;
mod generate;
mod init;
mod lines;
mod login;
mod options;
mod plan;
mod replay;
mod serve;
mod settings;

use std::process::ExitCode;

use clap::Parser;

use options::{Command, Options};

fn main() -> ExitCode {
    let options = Options::parse();
    let outcome = match &options.command {
        Command::Check(options) => check::run(options),
        Command::Serve(options) => serve::run(options),
        Command::Replay(options) => replay::run(options),
        Command::Generate(options) => generate::run(options),
        Command::Login(options) => login::log_in(options),
        Command::Logout(options) => login::log_out(options),
        Command::Init(options) => init::run(options),
        Command::Explain(options) => explain::run(options),
    };
    outcome.unwrap_or_else(|failure| {
        failure.print();
        ExitCode::from(failure.code())
    })
}
