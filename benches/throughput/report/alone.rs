//! The tables of what is not a load beside the yardstick: starts, amounts, an outage, a long run.
//!
//! In: [`Found`]. Out: text.

use std::fmt::Write as _;

use super::{heading, spread};
use crate::figures::scaling::{growth, of_first};
use crate::figures::soak::{Part, SoakSummary};
use crate::figures::{Spread, mebibytes};
use crate::options::Scenario;
use crate::outage::OutageResult;
use crate::run::Found;
use crate::scaling::ScalingResult;
use crate::soak::{Course, SoakResult};
use crate::starts::StartResult;

/// Writes the tables of what there is.
pub(super) fn write(text: &mut String, found: &Found) -> std::fmt::Result {
    if let Some(result) = &found.starts {
        starts(text, result)?;
    }
    for result in &found.scaling {
        scaling(text, result)?;
    }
    if let Some(result) = &found.outage {
        outage(text, result)?;
    }
    if let Some(result) = &found.soak {
        soak(text, result)?;
    }
    Ok(())
}

fn starts(text: &mut String, result: &StartResult) -> std::fmt::Result {
    let rounds = result.workload.rounds;
    writeln!(text, "\nstart: {rounds} starts with NATS up; medians (lowest..highest)")?;
    writeln!(text, "{:<16}{:>24}{:>22}", "", "ready after ms", "RSS MiB")?;
    for started in &result.servers {
        writeln!(
            text,
            "{:<16}{:>24}{:>22}",
            started.server,
            spread(&started.ready_ms, 1.0, 0),
            spread(&started.idle_kib, 1024.0, 1)
        )?;
    }
    Ok(())
}

fn scaling(text: &mut String, result: &ScalingResult) -> std::fmt::Result {
    let ScalingResult { workload, points } = result;
    let is_sizes = workload.scenario == Scenario::Sizes;
    writeln!(
        text,
        "\n{}: {} connections, {} rounds of {} s each; medians (lowest..highest)",
        workload.scenario.name(),
        workload.connections,
        workload.rounds,
        workload.measured.as_secs_f64(),
    )?;
    let (amount, against) =
        if is_sizes { ("bytes", "of size before") } else { ("how many", "of first") };
    writeln!(
        text,
        "{amount:<16}{:>24}{:>24}{:>26}{:>24}{against:>16}{:>10}{:>10}",
        "requests/s", "p99 ms", "CPU µs/request", "CPU µs/KiB", "idle MiB", "peak MiB"
    )?;
    let ratios = if is_sizes { growth(points) } else { of_first(points) };
    for (point, ratio) in points.iter().zip(ratios) {
        let Some(summary) = &point.summary else {
            writeln!(text, "{:<16}no figures", point.amount)?;
            continue;
        };
        let per_kib = point.cpu_us_per_kib().map(|cost| spread(&cost, 1.0, 2));
        writeln!(
            text,
            "{:<16}{:>24}{:>24}{:>26}{:>24}{:>16}{:>10.1}{:>10.1}",
            point.amount,
            spread(&summary.requests_per_second, 1.0, 0),
            spread(&summary.p99_us, 1000.0, 2),
            spread(&summary.server_cpu_us, 1.0, 0),
            per_kib.unwrap_or_default(),
            ratio.map(|ratio| format!("{ratio:.2}")).unwrap_or_default(),
            mebibytes(point.idle.resident_kib),
            mebibytes(point.memory.peak_kib),
        )?;
    }
    Ok(())
}

fn soak(text: &mut String, result: &SoakResult) -> std::fmt::Result {
    let SoakResult { minutes, forgewire, yardstick } = result;
    course(text, "forgewire", *minutes, forgewire)?;
    match yardstick {
        Some(yardstick) => course(text, "yardstick, in turns with it", *minutes, yardstick),
        None => Ok(()),
    }
}

fn course(text: &mut String, who: &str, minutes: u32, course: &Course) -> std::fmt::Result {
    let Course { workload, highest_rate, summary, legs } = course;
    writeln!(
        text,
        "\nsoak, {who}: {minutes} minutes at {:.0} requests/s of {highest_rate:.0}, {} connections, bodies of {} bytes, {} repositories; \
         medians of a tenth of {} legs of {} s (lowest..highest)",
        workload.rate.unwrap_or_default(),
        workload.connections,
        workload.body_bytes,
        workload.repositories,
        legs.len(),
        workload.measured.as_secs_f64(),
    )?;
    let Some(SoakSummary { beginning, end }) = summary else {
        return writeln!(text, "no figures");
    };
    writeln!(
        text,
        "{:<16}{:>24}{:>22}{:>22}{:>23}{:>22}",
        "", "requests/s", "p50 ms", "p99 ms", "CPU µs/request", "RSS MiB"
    )?;
    for (name, part) in [("beginning", beginning), ("end", end)] {
        let Part { requests_per_second, p50_us, p99_us, server_cpu_us, resident_kib } = part;
        writeln!(
            text,
            "{name:<16}{:>24}{:>22}{:>22}{:>23}{:>22}",
            spread(requests_per_second, 1.0, 0),
            spread(p50_us, 1000.0, 2),
            spread(p99_us, 1000.0, 2),
            spread(server_cpu_us, 1.0, 1),
            spread(resident_kib, 1024.0, 1),
        )?;
    }
    let ratio = |value: fn(&Part) -> Spread| value(end).median / value(beginning).median;
    writeln!(
        text,
        "{:<16}{:>24.2}{:>22.2}{:>22.2}{:>23.2}{:>22.2}",
        "ratio",
        ratio(|part| part.requests_per_second),
        ratio(|part| part.p50_us),
        ratio(|part| part.p99_us),
        ratio(|part| part.server_cpu_us),
        ratio(|part| part.resident_kib),
    )
}

fn outage(text: &mut String, outage: &OutageResult) -> std::fmt::Result {
    let OutageResult { workload, file_system, summary, .. } = outage;
    heading(text, workload, " each way")?;
    let Some(of) = summary else { return writeln!(text, "no figures") };
    writeln!(
        text,
        "{:<16}{:>24}{:>14}{:>22}{:>22}{:>24}",
        "", "per second", "of healthy", "p50 ms", "p99 ms", "peak MiB so far"
    )?;
    let ratio = |ratio: &Spread| format!("{:.2}", ratio.median);
    let ms = |latency: &Spread| spread(latency, 1000.0, 2);
    let mib = |peak: &Spread| spread(peak, 1024.0, 1);
    let rows = [
        (
            "healthy",
            &of.healthy_rate,
            None,
            Some((&of.healthy_p50_us, &of.healthy_p99_us)),
            &of.peak_healthy_kib,
        ),
        (
            "NATS away",
            &of.away_rate,
            Some(&of.accepted_ratio),
            Some((&of.away_p50_us, &of.away_p99_us)),
            &of.peak_away_kib,
        ),
        ("drain", &of.drain_rate, Some(&of.drain_ratio), None, &of.peak_drained_kib),
    ];
    for (name, rate, of_healthy, latencies, peak) in rows {
        writeln!(
            text,
            "{name:<16}{:>24}{:>14}{:>22}{:>22}{:>24}",
            spread(rate, 1.0, 0),
            of_healthy.map(ratio).unwrap_or_default(),
            latencies.map(|(p50, _)| ms(p50)).unwrap_or_default(),
            latencies.map(|(_, p99)| ms(p99)).unwrap_or_default(),
            mib(peak)
        )?;
    }
    writeln!(
        text,
        "the spool is on {}{}; writing one body and its sync take {} ms",
        file_system.name,
        if file_system.is_memory { ", WHICH IS MEMORY: the figures mean nothing" } else { "" },
        ms(&of.sync_us)
    )
}
