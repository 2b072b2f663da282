//! The `misfit` command.

fn main() -> std::process::ExitCode {
    misfit_reader::cli::main(concat!("misfit_", env!("MISFIT_BUILD")))
}
