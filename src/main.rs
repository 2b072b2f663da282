//! The `misfit` command.

fn main() -> std::process::ExitCode {
    misfit::cli::main()
}
