//! The table of a run.

use std::fmt::Write as _;

use crate::run::{Outcome, Phase};
use crate::storm::Storm;
use crate::verdict::Verdict;

const HEAD: &str = "\
| fault | cycles | deliveries | 2xx | spooled | 503 | nobody listened | unanswered | missing | doubled | reordered | \
altered | longest recovery |
|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|
";

const STORMS: &str = "
| NATS | deliveries | 2xx | spooled | 503 | missing | doubled | reordered | answered in | published in | peak memory |
|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|
";

/// Markdown tables, and what they leave out.
pub(crate) fn render(outcome: &Outcome) -> String {
    let Outcome { seed, server, spool, seconds, phases, storms } = outcome;
    let spool = if *spool { "with" } else { "without" };
    let mut text = String::new();
    if !phases.is_empty() {
        text += HEAD;
        for phase in phases {
            row(&mut text, phase);
        }
    }
    if !storms.is_empty() {
        text += STORMS;
        for storm in storms {
            storm_row(&mut text, storm);
        }
    }
    let cycles: u32 = phases.iter().map(|phase| phase.cycles).sum();
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "\n{cycles} cycles in {seconds:.0} s, seed {seed}, {server}, {spool} spool."
    );
    let measured = phases.iter().filter_map(|phase| phase.metrics.as_ref());
    let measured = measured.chain(storms.iter().filter_map(|storm| storm.metrics.as_ref()));
    let (scrapes, slowest) =
        measured.fold((0, 0.0_f64), |(all, most), it| (all + it.scrapes, most.max(it.slowest)));
    if scrapes > 0 {
        let _ = writeln!(text, "Metrics: {scrapes} scrapes, the slowest took {slowest:.3} s.");
    }
    for phase in phases {
        notes(&mut text, &phase.fault, phase.verdict.as_ref(), phase.failed.as_ref());
    }
    for storm in storms {
        let name = format!("storm, NATS {}", storm.nats);
        notes(&mut text, &name, storm.verdict.as_ref(), storm.failed.as_ref());
    }
    let failed = phases.iter().filter(|phase| phase.failed.is_some()).count()
        + storms.iter().filter(|storm| storm.failed.is_some()).count();
    let skipped = phases.iter().filter(|phase| phase.skipped.is_some()).count();
    if skipped > 0 {
        let _ = writeln!(text, "\n{skipped} faults did not run.");
    }
    let _ = match failed {
        0 if cycles == 0 && storms.is_empty() => writeln!(text, "\nNothing was put to the test."),
        0 => writeln!(text, "\nEvery promise was kept."),
        _ => writeln!(text, "\n{failed} phases FAILED. The same again: --seed {seed}"),
    };
    text
}

fn row(text: &mut String, phase: &Phase) {
    let Phase { fault, cycles, longest_recovery, verdict, skipped, .. } = phase;
    if let Some(why) = skipped {
        let _ = writeln!(text, "| {fault} | {why} |{}", " |".repeat(11));
        return;
    }
    let Verdict {
        deliveries,
        kept,
        spooled,
        other,
        refused,
        unanswered,
        missing,
        doubled,
        reordered,
        altered,
        ..
    } = verdict.clone().unwrap_or_default();
    let _ = writeln!(
        text,
        "| {fault} | {cycles} | {deliveries} | {kept} | {spooled} | {other} | {refused} | {unanswered} | {missing} | \
         {doubled} | {reordered} | {altered} | {longest_recovery:.2} s |"
    );
}

fn storm_row(text: &mut String, storm: &Storm) {
    let Storm { nats, taken_in, published_in, peak_memory, verdict, .. } = storm;
    let Verdict { deliveries, kept, spooled, other, missing, doubled, reordered, .. } =
        verdict.clone().unwrap_or_default();
    let mebibytes = peak_memory >> 20;
    let _ = writeln!(
        text,
        "| {nats} | {deliveries} | {kept} | {spooled} | {other} | {missing} | {doubled} | {reordered} | \
         {taken_in:.1} s | {published_in:.1} s | {mebibytes} MiB |"
    );
}

/// What the table has no column for, where there was any.
fn notes(text: &mut String, name: &str, verdict: Option<&Verdict>, failed: Option<&String>) {
    let mut notes = Vec::new();
    if let Some(verdict) = verdict {
        let counts = [
            (verdict.forgotten, "2xx that the server is known to have forgotten"),
            (verdict.late, "stored late: marked as resent, or the server had forgotten them"),
            (verdict.repeated, "stored again, marked or in a stream that was made anew"),
            (
                verdict.other - verdict.rejected,
                "503 that the fault explains: a spool or a disk that is full or broken",
            ),
            (verdict.unpromised, "stored though not answered 2xx"),
            (verdict.foreign, "of no delivery of this run"),
        ];
        let waited = |phase: &str| ["restart", "roll", "upgrade"].contains(&phase);
        if waited(name) {
            notes.push(format!("the slowest answer took {:.2} s", verdict.slowest));
        }
        let some = counts.iter().filter(|(count, _)| *count > 0);
        notes.extend(some.map(|(count, what)| format!("{count} {what}")));
        if !verdict.statuses.is_empty() {
            let each = verdict.statuses.iter().map(|(status, count)| format!("{status}: {count}"));
            notes.push(format!("statuses {}", each.collect::<Vec<_>>().join(", ")));
        }
        notes.extend(verdict.examples.iter().cloned());
    }
    notes.extend(failed.iter().map(|why| format!("FAILED: {why}")));
    if !notes.is_empty() {
        let _ = writeln!(text, "\n{name}:");
        for note in notes {
            let _ = writeln!(text, "- {note}");
        }
    }
}
