//! The entry point: everything is in the library.

use std::process::ExitCode;

/// A delivery is some hundred small allocations: with the system's allocator they are a quarter of its cost.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    forgewire::cli::main()
}
