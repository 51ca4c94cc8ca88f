//! Runs golden SQL files: `golden [NAME | FILE] [--update]`.

#![expect(clippy::print_stdout, reason = "a command prints its result")]

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match millstream_tests::golden::run(&arguments) {
        Ok(count) => {
            println!("{} passed, {} failed", count.passed, count.failed);
            if count.failed == 0 {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            println!("0 passed, 1 failed");
            ExitCode::FAILURE
        }
    }
}
