//! The command line's entry: parses, runs, exits with the documented code.

fn main() -> std::process::ExitCode {
    countersign::cli::main()
}
