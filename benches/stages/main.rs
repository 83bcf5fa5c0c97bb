//! Time, throughput and allocations of each stage of a delivery: what `make stages` runs.
//!
//! In: options of divan, such as a part of a name. Out: its table on standard output. The allocator is the daemon's.
#![expect(
    clippy::unwrap_used,
    reason = "a case that does not work is a defect, and ends the benchmark"
)]

mod cases;
#[path = "../throughput/payload.rs"]
mod payload;
mod stage;

use std::sync::LazyLock;

use divan::counter::BytesCount;
use divan::{AllocProfiler, Bencher};
use mimalloc::MiMalloc;

use crate::cases::Case;

#[global_allocator]
static ALLOCATOR: AllocProfiler<MiMalloc> = AllocProfiler::new(MiMalloc);

static CASES: LazyLock<Vec<Case>> = LazyLock::new(|| cases::all().unwrap());

fn main() {
    divan::main();
}

fn names() -> impl Iterator<Item = &'static str> {
    CASES.iter().map(|case| case.name.as_str())
}

fn of(name: &str) -> (&'static Case, BytesCount) {
    let case = CASES.iter().find(|case| case.name == name).unwrap();
    (case, BytesCount::new(case.body.len()))
}

#[divan::bench(args = names())]
fn verify(bencher: Bencher<'_, '_>, name: &str) {
    let (case, bytes) = of(name);
    let bencher = bencher.counter(bytes).with_inputs(|| stage::unverified(case));
    bencher.bench_values(|delivery| stage::verify(case, delivery).unwrap());
}

#[divan::bench(args = names())]
fn normalize(bencher: Bencher<'_, '_>, name: &str) {
    let (case, bytes) = of(name);
    let delivery = stage::verify(case, stage::unverified(case)).unwrap();
    bencher.counter(bytes).bench_local(|| stage::normalize(case, &delivery).unwrap());
}

#[divan::bench(args = names())]
fn subject(bencher: Bencher<'_, '_>, name: &str) {
    let (case, _bytes) = of(name);
    let looked = stage::with_events(case, |events| {
        bencher.bench_local(|| stage::subjects(events));
        Ok(())
    });
    looked.unwrap();
}

#[divan::bench(args = names())]
fn encode(bencher: Bencher<'_, '_>, name: &str) {
    let (case, bytes) = of(name);
    let room = stage::room();
    let looked = stage::with_events(case, |events| {
        bencher.counter(bytes).bench_local(|| stage::encode(case, &room, events).unwrap());
        Ok(())
    });
    looked.unwrap();
}

#[divan::bench(args = names())]
fn whole(bencher: Bencher<'_, '_>, name: &str) {
    let (case, bytes) = of(name);
    let room = stage::room();
    let bencher = bencher.counter(bytes).with_inputs(|| stage::unverified(case));
    bencher.bench_values(|delivery| stage::whole(case, &room, delivery).unwrap());
}
