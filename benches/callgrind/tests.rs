//! Tests of the parts that read what callgrind wrote, and compare it.
//!
//! A target of its own, because the benchmark has no test harness.
#![expect(dead_code, reason = "the parts are here without the run that uses all of them")]

#[path = "../stages/cases.rs"]
mod cases;
#[path = "../throughput/payload.rs"]
mod payload;
#[path = "../throughput/process.rs"]
mod process;
mod profile;
#[path = "../stages/stage.rs"]
mod stage;
mod stages;
mod table;

use crate::profile::Cost;
use crate::stages::{NAMES, Row};
use crate::table::Figures;

#[test]
fn allocations_are_calls_of_the_allocator_by_others() {
    let text = "events: Ir\n\nfn=main\n0 5\ncfn=mi_malloc_aligned\ncalls=3 0\n0 60\ncfn=mi_free\n\
                calls=3 0\n0 9\n\nfn=mi_malloc_aligned\n0 20\ncfn=_mi_malloc_generic\ncalls=1 0\n0 9\n\
                cfn=mi_malloc\ncalls=7 0\n0 3\n\nfn=other\ncfn=realloc\ncalls=2 0\n0 1\n\ntotals: 1234\n";
    let cost = Cost::read(text).unwrap();
    assert_eq!(cost, Cost { instructions: 1234, allocations: 5 });
    assert_eq!(cost.per(2), Cost { instructions: 617, allocations: 2 });
    assert!(Cost::read("events: Ir\n").is_err());
}

fn figures_of(instructions: u64, daemon: u64) -> Figures {
    let stages = vec![Cost { instructions, allocations: 4 }; NAMES.len()];
    let row = Row { name: "gitea push".to_owned(), bytes: 9011, stages };
    Figures { rows: vec![row], daemon }
}

#[test]
fn every_stage_has_a_column() {
    let text = table::document(&figures_of(100, 165_000));
    let row = "| gitea push | 9011 | 100 (4) | 100 (4) | 100 (4) | 100 (4) | 100 (4) |";
    assert!(text.contains(row) && text.contains("165000 instructions"), "{text}");
}

#[test]
fn an_earlier_commit_is_compared_by_name() {
    let text = table::compare(&figures_of(90, 80), &figures_of(100, 160));
    assert!(text.contains("verify 0.900 (1.000)") && text.contains("before 160: 0.500"), "{text}");
    let without = Figures { daemon: 160, ..Figures::default() };
    let text = table::compare(&figures_of(90, 80), &without);
    assert!(text.contains("only its daemon was counted"), "{text}");
}

#[test]
fn what_is_counted_runs_without_valgrind() {
    stages::count().unwrap();
}

#[test]
fn every_case_passes_every_stage() {
    let cases = cases::all().unwrap();
    assert!(cases.len() > 20, "{}", cases.len());
    for case in cases {
        let messages = stage::whole(&case, &stage::room(), stage::unverified(&case)).unwrap();
        assert!(!messages.is_empty(), "{}", case.name);
        for message in messages {
            assert!(!message.subject.as_str().contains("unrecognized"), "{}", case.name);
        }
    }
}
