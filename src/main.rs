//! The door: everything happens in the library.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    medbay::cli::main()
}
