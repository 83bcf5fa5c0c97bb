//! The report for people: aligned tables, spread beside the medians, verdicts.
//!
//! In: [`Results`]. Out: text.

mod alone;

use std::fmt::Write as _;

use crate::figures::{Ratio, Spread, Summary, mebibytes};
use crate::options::Workload;
use crate::run::{Measurement, Results, ScenarioResult, ServerFacts};

/// From this part of a core on, the load generator may have been what limited the rate.
const BUSY_GENERATOR: f64 = 0.9;

/// Writes everything that `results` hold but the single rounds.
pub(crate) fn render(results: &Results) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write_all(&mut text, results);
    text
}

fn write_all(text: &mut String, results: &Results) -> std::fmt::Result {
    let machine = &results.machine;
    writeln!(
        text,
        "{} cores, {}, SHA extensions: {}, nats-server {}, {}{}",
        machine.cores,
        machine.cpu,
        if machine.sha_extensions { "yes" } else { "no" },
        machine.nats_server,
        machine.rustc,
        if machine.optimised { "" } else { ", NOT OPTIMISED: the figures mean nothing" },
    )?;
    for scenario in &results.found.scenarios {
        write_scenario(text, scenario)?;
    }
    alone::write(text, &results.found)?;
    writeln!(text)?;
    for server in &results.servers {
        write_server(text, server)?;
    }
    writeln!(text)?;
    for verdict in &results.verdicts {
        let word = if verdict.met { "met" } else { "NOT met" };
        writeln!(text, "{}: {}, wanted {}: {word}", verdict.what, verdict.found, verdict.wanted)?;
    }
    for problem in &results.problems {
        writeln!(text, "BROKEN: {problem}")?;
    }
    Ok(())
}

/// What a scenario is; `each` says what a round has more than one of.
fn heading(text: &mut String, workload: &Workload, each: &str) -> std::fmt::Result {
    writeln!(
        text,
        "\n{}: {} connections, bodies of {} bytes, {} repositories, {} rounds of {} s{each}; medians (lowest..highest)",
        workload.scenario.name(),
        workload.connections,
        workload.body_bytes,
        workload.repositories,
        workload.rounds,
        workload.measured.as_secs_f64(),
    )
}

fn write_scenario(text: &mut String, scenario: &ScenarioResult) -> std::fmt::Result {
    let workload = &scenario.workload;
    heading(text, workload, "")?;
    writeln!(
        text,
        "{:<16}{:>24}{:>22}{:>22}{:>23}{:>9}{:>9}{:>8}",
        "", "requests/s", "p50 ms", "p99 ms", "CPU µs/request", "RSS MiB", "peak MiB", "errors"
    )?;
    for measurement in &scenario.measurements {
        write_measurement(text, measurement)?;
    }
    if let Some(ratio) = &scenario.ratio {
        write_ratio(text, ratio)?;
    }
    let rounds = scenario.measurements.iter().flat_map(|measurement| &measurement.rounds);
    let busiest = rounds.clone().map(|round| round.load_cores).fold(0.0, f64::max);
    let cost = Spread::of(rounds.map(|round| round.load_cores * 1e6 / round.requests_per_second));
    if let Some(cost) = cost {
        let cost = spread(&cost, 1.0, 1);
        writeln!(text, "{:<16}{cost:>91}", "load generator")?;
    }
    if busiest > BUSY_GENERATOR {
        writeln!(
            text,
            "the load generator used up to {busiest:.2} of its one core: it may be the limit"
        )?;
    }
    Ok(())
}

fn write_measurement(text: &mut String, measurement: &Measurement) -> std::fmt::Result {
    let errors: u64 = measurement.rounds.iter().map(|round| round.errors).sum();
    let Some(summary) = &measurement.summary else {
        return writeln!(text, "{:<16}no figures", measurement.server);
    };
    let Summary { requests_per_second, p50_us, p99_us, server_cpu_us } = summary;
    writeln!(
        text,
        "{:<16}{:>24}{:>22}{:>22}{:>23}{:>9.1}{:>9.1}{:>8}",
        measurement.server,
        spread(requests_per_second, 1.0, 0),
        spread(p50_us, 1000.0, 2),
        spread(p99_us, 1000.0, 2),
        spread(server_cpu_us, 1.0, 1),
        mebibytes(measurement.memory.resident_kib),
        mebibytes(measurement.memory.peak_kib),
        errors
    )
}

/// A median and its spread, each divided by `unit`.
pub(crate) fn spread(spread: &Spread, unit: f64, digits: usize) -> String {
    let Spread { median, min, max } = spread;
    format!("{:.digits$} ({:.digits$}..{:.digits$})", median / unit, min / unit, max / unit)
}

fn write_ratio(text: &mut String, ratio: &Ratio) -> std::fmt::Result {
    writeln!(
        text,
        "{:<16}{:>24.2}{:>22.2}{:>22.2}{:>23.2}",
        "ratio", ratio.requests_per_second, ratio.p50, ratio.p99, ratio.server_cpu
    )
}

fn write_server(text: &mut String, server: &ServerFacts) -> std::fmt::Result {
    writeln!(
        text,
        "{:<16}ready after {:.0} ms, {:.1} MiB idle, {:.1} MiB at the end, {:.1} MiB at most",
        server.name,
        server.ready_ms,
        mebibytes(server.idle.resident_kib),
        mebibytes(server.end.resident_kib),
        mebibytes(server.end.peak_kib)
    )
}
