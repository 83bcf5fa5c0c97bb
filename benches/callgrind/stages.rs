//! The stages under callgrind, in one run of it.
//!
//! In: the cases. Out: what each stage takes of each, in instructions and allocations. Before and after the iterations of a
//! stage the program calls [`forgewire_mark`], at which callgrind writes what it has counted since the last call.

use std::hint::black_box;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

use crate::cases::{self, Case};
use crate::process;
use crate::profile::Cost;
use crate::stage;

/// First argument that makes this executable the program that is counted.
pub(crate) const STAGES: &str = "stages";
/// Names of the stages, in their order.
pub(crate) const NAMES: [&str; 5] = ["verify", "normalize", "subject", "encode", "whole"];
/// The same work takes the same instructions but for the allocator's: few are enough.
const ITERATIONS: u64 = 20;

/// One case, with the costs of its stages in the order of [`NAMES`].
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) bytes: usize,
    pub(crate) stages: Vec<Cost>,
}

/// Runs this executable under callgrind, with its files in `directory`.
///
/// # Errors
///
/// When valgrind is missing or fails, or wrote other files than were waited for.
pub(crate) fn run(directory: &Path) -> Result<Vec<Row>> {
    let output = directory.join("stages");
    let mut command = process::leashed(Path::new("valgrind"))?;
    callgrind(&mut command, &output).arg("--dump-before=*forgewire_mark*");
    command.arg(std::env::current_exe()?).arg(STAGES);
    let ended = command.output().context("cannot run valgrind")?;
    if !ended.status.success() {
        bail!("valgrind failed: {}", String::from_utf8_lossy(&ended.stderr).trim());
    }
    let mut number = 0;
    let mut rows = Vec::new();
    for case in cases::all()? {
        let mut stages = Vec::new();
        for _stage in NAMES {
            // What came before the first mark is of no interest, and neither is what is between two stages.
            number += 2;
            let path = directory.join(format!("stages.{number}"));
            let text = std::fs::read_to_string(&path);
            let text = text.with_context(|| format!("callgrind wrote no {}", path.display()))?;
            stages.push(Cost::read(&text)?.per(ITERATIONS));
        }
        rows.push(Row { name: case.name, bytes: case.body.len(), stages });
    }
    let beyond = directory.join(format!("stages.{}", number + 2));
    if beyond.exists() {
        bail!("callgrind wrote {}, which belongs to no stage", beyond.display());
    }
    Ok(rows)
}

/// Adds the options of valgrind that both programs are counted with.
pub(crate) fn callgrind<'c>(command: &'c mut Command, output: &Path) -> &'c mut Command {
    let mut file = std::ffi::OsString::from("--callgrind-out-file=");
    file.push(output);
    command.args(["-q", "--tool=callgrind", "--compress-strings=no"]).arg(file)
}

/// Runs every stage of every case between two marks: what callgrind counts.
pub(crate) fn count() -> Result<()> {
    let room = stage::room();
    for case in cases::all()? {
        counted(fresh(&case), |delivery| stage::verify(&case, delivery).map(drop))?;
        let delivery = stage::verify(&case, stage::unverified(&case))?;
        counted(nothing(), |()| stage::normalize(&case, &delivery).map(drop))?;
        stage::with_events(&case, |events| {
            counted(nothing(), |()| {
                stage::subjects(events);
                Ok(())
            })?;
            counted(nothing(), |()| stage::encode(&case, &room, events).map(drop))
        })?;
        counted(fresh(&case), |delivery| stage::whole(&case, &room, delivery).map(drop))?;
    }
    Ok(())
}

/// Deliveries for all iterations and one more, so that making them is not counted.
fn fresh(case: &Case) -> Vec<forgewire::delivery::Delivery<forgewire::delivery::Unverified>> {
    (0..=ITERATIONS).map(|_| stage::unverified(case)).collect()
}

fn nothing() -> Vec<()> {
    (0..=ITERATIONS).map(drop).collect()
}

/// Runs `work` once, and then for the rest of `inputs` between two marks.
fn counted<T>(mut inputs: Vec<T>, mut work: impl FnMut(T) -> Result<()>) -> Result<()> {
    // What is made at the first use, and caches of the allocator.
    inputs.pop().map(&mut work).transpose()?;
    forgewire_mark(inputs.len());
    while let Some(input) = inputs.pop() {
        work(black_box(input))?;
    }
    forgewire_mark(inputs.len());
    Ok(())
}

#[inline(never)]
fn forgewire_mark(left: usize) {
    black_box(left);
}
