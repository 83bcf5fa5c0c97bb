//! Which traces are asked for: the standard variables of OpenTelemetry, as far as they count here.
//!
//! In comes an environment, out come [`Settings`], or nothing if no traces are asked for. A value that cannot be meant
//! is an error that names the variable and never the value, which may be a credential.

use std::borrow::Cow;
use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr as _;
use std::time::Duration;

use hyper::Uri;
use hyper::header::{HeaderName, HeaderValue};
use opentelemetry_sdk::trace::Sampler;

use super::TracesError;

/// Where traces go, and which. The headers are not in it: the exporter reads them where they stand.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where to, with the path.
    pub endpoint: Uri,
    /// How long a request may take.
    pub timeout: Duration,
    /// Whether requests are compressed with gzip.
    pub gzip: bool,
    /// A file with the certificates to trust, in the place of the system's; and the variable that names it.
    pub certificate: Option<(&'static str, PathBuf)>,
    /// Whether the variables say what this service is called.
    pub is_named: bool,
    /// Which traces are sent.
    pub sampler: Sampler,
    /// How many spans may wait.
    pub max_queue: usize,
    /// How many spans are sent at once.
    pub max_batch: usize,
    /// How long a span may wait for others.
    pub delay: Duration,
}

/// Reads the variables of this process.
///
/// # Errors
///
/// Those of [`read`].
pub fn of_process() -> Result<Option<Settings>, TracesError> {
    read(|name| std::env::var_os(name))
}

/// Reads the variables that count. `var` gives the value of one.
///
/// # Errors
///
/// [`TracesError::Variable`] names the first that cannot be meant. Nothing is wrong if no traces are asked for.
pub fn read(var: impl Fn(&str) -> Option<OsString>) -> Result<Option<Settings>, TracesError> {
    let env = Env(&var);
    if !env.asks_for_traces()? {
        return Ok(None);
    }
    env.check_protocol()?;
    env.check_headers()?;
    let is_named = env.is_named()?;
    let max_queue = env.number("OTEL_BSP_MAX_QUEUE_SIZE", 2_048)?;
    let max_batch = env.number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512)?;
    let timeout = env.of_traces("TIMEOUT")?;
    let timeout = timeout.map_or(Ok(10_000), |(name, text)| positive(name, &text))?;
    let patience = env.number("OTEL_BSP_EXPORT_TIMEOUT", 30_000)?;
    let delay = env.number("OTEL_BSP_SCHEDULE_DELAY", 5_000)?;
    Ok(Some(Settings {
        endpoint: env.endpoint()?,
        timeout: millis(timeout.min(patience)),
        gzip: env.gzip()?,
        certificate: env.of_traces("CERTIFICATE")?.map(|(name, path)| (name, path.into())),
        is_named,
        sampler: env.sampler()?,
        max_queue,
        max_batch: max_batch.min(max_queue),
        delay: millis(delay),
    }))
}

/// The variable of the exporter that is for traces alone, which goes before, and the general one.
fn names(setting: &str) -> [&'static str; 2] {
    match setting {
        "CERTIFICATE" => {
            ["OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "OTEL_EXPORTER_OTLP_CERTIFICATE"]
        }
        "COMPRESSION" => {
            ["OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "OTEL_EXPORTER_OTLP_COMPRESSION"]
        }
        "ENDPOINT" => ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"],
        "HEADERS" => ["OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"],
        "PROTOCOL" => ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"],
        _ => ["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"],
    }
}

struct Env<'v, V>(&'v V);

impl<V: Fn(&str) -> Option<OsString>> Env<'_, V> {
    /// The value of a variable; an empty one counts as none, as the standard says.
    fn get(&self, variable: &'static str) -> Result<Option<String>, TracesError> {
        let Some(value) = (self.0)(variable).filter(|value| !value.is_empty()) else {
            return Ok(None);
        };
        let text = value.into_string().map_err(|_not_utf8| bad(variable, "must be UTF-8"))?;
        Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty()))
    }

    /// A setting of the exporter, with the variable that it stands in.
    fn of_traces(&self, setting: &str) -> Result<Option<(&'static str, String)>, TracesError> {
        for name in names(setting) {
            if let Some(text) = self.get(name)? {
                return Ok(Some((name, text)));
            }
        }
        Ok(None)
    }

    fn number(&self, variable: &'static str, default: usize) -> Result<usize, TracesError> {
        self.get(variable)?.map_or(Ok(default), |text| positive(variable, &text))
    }

    fn asks_for_traces(&self) -> Result<bool, TracesError> {
        let disabled = "OTEL_SDK_DISABLED";
        match self.get(disabled)?.map(|text| text.to_ascii_lowercase()).as_deref() {
            None | Some("false") => {}
            Some("true") => return Ok(false),
            Some(_) => return Err(bad(disabled, "must be true or false")),
        }
        let exporter = "OTEL_TRACES_EXPORTER";
        match self.get(exporter)?.as_deref() {
            None => Ok(self.of_traces("ENDPOINT")?.is_some()),
            Some("otlp") => Ok(true),
            Some("none") => Ok(false),
            Some(_) => {
                Err(bad(exporter, "must be otlp or none: forgewire knows no other exporter"))
            }
        }
    }

    fn check_protocol(&self) -> Result<(), TracesError> {
        match self.of_traces("PROTOCOL")? {
            None => Ok(()),
            Some((_, text)) if text == "http/protobuf" => Ok(()),
            Some((name, _)) => Err(bad(
                name,
                "must be http/protobuf: forgewire speaks no other protocol (collectors take it on port 4318)",
            )),
        }
    }

    fn endpoint(&self) -> Result<Uri, TracesError> {
        let given = self.of_traces("ENDPOINT")?;
        let (name, text) = given.unwrap_or((names("ENDPOINT")[1], "http://localhost:4318".into()));
        let whole = if name == names("ENDPOINT")[0] {
            text
        } else {
            format!("{}/v1/traces", text.trim_end_matches('/'))
        };
        let rule = "must be a URL such as http://localhost:4318";
        let uri = Uri::from_str(&whole).map_err(|_not_one| bad(name, rule))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err(bad(name, rule));
        }
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(bad(
                name,
                "must hold no user or password: put what the collector asks for into OTEL_EXPORTER_OTLP_HEADERS",
            ));
        }
        Ok(uri)
    }

    /// Both are looked at: the exporter takes the first that is there, and leaves out what is no header.
    fn check_headers(&self) -> Result<(), TracesError> {
        for variable in names("HEADERS") {
            for item in self.get(variable)?.unwrap_or_default().split_terminator(',') {
                let header = item.split_once('=').is_some_and(|(name, value)| {
                    HeaderName::from_str(name.trim()).is_ok()
                        && HeaderValue::from_str(value.trim()).is_ok()
                });
                if !header {
                    return Err(bad(variable, "must be headers such as name=value,name=value"));
                }
            }
        }
        Ok(())
    }

    fn gzip(&self) -> Result<bool, TracesError> {
        match self.of_traces("COMPRESSION")? {
            None => Ok(false),
            Some((_, text)) if text == "none" => Ok(false),
            Some((_, text)) if text == "gzip" => Ok(true),
            Some((name, _)) => Err(bad(name, "must be gzip or none")),
        }
    }

    fn is_named(&self) -> Result<bool, TracesError> {
        let variable = "OTEL_RESOURCE_ATTRIBUTES";
        let attributes = self.get(variable)?.unwrap_or_default();
        let mut named = self.get("OTEL_SERVICE_NAME")?.is_some();
        for item in attributes.split_terminator(',') {
            let rule = "must be attributes such as name=value,name=value";
            let (key, _) = item.split_once('=').ok_or_else(|| bad(variable, rule))?;
            named |= key.trim() == "service.name";
        }
        Ok(named)
    }

    fn sampler(&self) -> Result<Sampler, TracesError> {
        let variable = "OTEL_TRACES_SAMPLER";
        let by_parent = |root| Sampler::ParentBased(Box::new(root));
        Ok(match self.get(variable)?.as_deref() {
            None | Some("parentbased_always_on") => by_parent(Sampler::AlwaysOn),
            Some("parentbased_always_off") => by_parent(Sampler::AlwaysOff),
            Some("parentbased_traceidratio") => by_parent(self.ratio()?),
            Some("always_on") => Sampler::AlwaysOn,
            Some("always_off") => Sampler::AlwaysOff,
            Some("traceidratio") => self.ratio()?,
            Some(_) => {
                return Err(bad(
                    variable,
                    "must be always_on, always_off, traceidratio, or one of these after parentbased_",
                ));
            }
        })
    }

    fn ratio(&self) -> Result<Sampler, TracesError> {
        let variable = "OTEL_TRACES_SAMPLER_ARG";
        let Some(text) = self.get(variable)? else { return Ok(Sampler::TraceIdRatioBased(1.0)) };
        let ratio = text.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
        let ratio = ratio.ok_or_else(|| bad(variable, "must be a number from 0 to 1"))?;
        Ok(Sampler::TraceIdRatioBased(ratio))
    }
}

fn positive(variable: &'static str, text: &str) -> Result<usize, TracesError> {
    let number = text.parse().ok().filter(|number| (1..=MOST).contains(number));
    number.ok_or_else(|| bad(variable, format!("must be a whole number from 1 to {MOST}")))
}

/// More spans than this in memory, or milliseconds to wait, nobody means.
const MOST: usize = 1_000_000;

fn millis(number: usize) -> Duration {
    Duration::from_millis(number as u64)
}

fn bad(variable: &'static str, rule: impl Into<Cow<'static, str>>) -> TracesError {
    TracesError::Variable { variable, rule: rule.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(set: &[(&str, &str)]) -> Result<Option<Settings>, String> {
        let var = |name: &str| {
            let found = set.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| OsString::from(value))
        };
        read(var).map_err(|error| error.to_string())
    }

    fn with(set: &[(&str, &str)]) -> Settings {
        let mut all = vec![("OTEL_TRACES_EXPORTER", "otlp")];
        all.extend(set);
        read_all(&all).unwrap().unwrap()
    }

    #[test]
    fn traces_are_made_only_if_a_variable_asks_for_them() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");
        for (set, asked) in [
            (&[][..], false),
            (&[("OTEL_SERVICE_NAME", "x")], false),
            (&[("OTEL_EXPORTER_OTLP_ENDPOINT", "")], false),
            (&[endpoint], true),
            (&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://c/t")], true),
            (&[("OTEL_TRACES_EXPORTER", "otlp")], true),
            (&[endpoint, ("OTEL_TRACES_EXPORTER", "none")], false),
            (&[endpoint, ("OTEL_SDK_DISABLED", "true")], false),
            (&[endpoint, ("OTEL_SDK_DISABLED", "False")], true),
            // What is not asked for cannot be wrong.
            (&[("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")], false),
        ] {
            assert_eq!(read_all(set).unwrap().is_some(), asked, "{set:?}");
        }
    }

    #[test]
    fn what_is_for_traces_goes_before_what_is_for_all_and_has_no_path_added() {
        assert_eq!(with(&[]).endpoint, "http://localhost:4318/v1/traces");
        let general = ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://c:1/base/");
        assert_eq!(with(&[general]).endpoint, "https://c:1/base/v1/traces");
        let own = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://t:2/in");
        assert_eq!(with(&[general, own]).endpoint, "http://t:2/in");
        let timeouts =
            [("OTEL_EXPORTER_OTLP_TIMEOUT", "7"), ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "9")];
        assert_eq!(with(&timeouts).timeout, Duration::from_millis(9));
        assert_eq!(with(&timeouts[..1]).timeout, Duration::from_millis(7));
        let shorter = ("OTEL_BSP_EXPORT_TIMEOUT", "3");
        assert_eq!(with(&[timeouts[0], shorter]).timeout, Duration::from_millis(3));
    }

    #[test]
    fn a_batch_is_never_larger_than_the_queue() {
        let settings = with(&[("OTEL_BSP_MAX_QUEUE_SIZE", "10")]);
        assert_eq!((settings.max_queue, settings.max_batch), (10, 10));
    }

    #[test]
    fn samplers_are_those_of_the_standard() {
        let sampler = |name| format!("{:?}", with(&[("OTEL_TRACES_SAMPLER", name)]).sampler);
        assert_eq!(sampler("always_off"), "AlwaysOff");
        assert_eq!(sampler("parentbased_always_off"), "ParentBased(AlwaysOff)");
        assert_eq!(sampler("traceidratio"), "TraceIdRatioBased(1.0)");
        assert_eq!(format!("{:?}", with(&[]).sampler), "ParentBased(AlwaysOn)");
        let tenth = with(&[
            ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
            ("OTEL_TRACES_SAMPLER_ARG", "0.1"),
        ]);
        assert_eq!(format!("{:?}", tenth.sampler), "ParentBased(TraceIdRatioBased(0.1))");
    }

    #[test]
    fn what_cannot_be_meant_is_refused_by_name_and_not_by_value() {
        for (variable, value, rule) in [
            ("OTEL_SDK_DISABLED", "plant", "must be true or false"),
            ("OTEL_TRACES_EXPORTER", "plant", "must be otlp or none"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "plant", "must be http/protobuf"),
            ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc", "must be http/protobuf"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "plant:4318", "must be a URL such as"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://plant", "must be a URL such as"),
            (
                "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
                "http://u:plant@c",
                "must hold no user or password",
            ),
            ("OTEL_EXPORTER_OTLP_HEADERS", "plant", "must be headers such as name=value"),
            ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "a b=plant", "must be headers such as"),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "plant", "must be gzip or none"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "plant", "must be a whole number from 1"),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "0", "must be a whole number from 1"),
            ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "-1", "must be a whole number from 1"),
            ("OTEL_BSP_SCHEDULE_DELAY", "5s", "must be a whole number from 1"),
            ("OTEL_BSP_EXPORT_TIMEOUT", "1e9", "must be a whole number from 1"),
            ("OTEL_RESOURCE_ATTRIBUTES", "plant", "must be attributes such as name=value"),
            ("OTEL_TRACES_SAMPLER", "jaeger_remote", "must be always_on, always_off, traceidratio"),
        ] {
            let endpoint = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://c/t");
            let asked = if variable.ends_with("ENDPOINT") { ("", "") } else { endpoint };
            let error = read_all(&[(variable, value), asked]).unwrap_err();
            let named = format!("environment variable {variable} {rule}");
            assert!(error.starts_with(&named), "{variable}={value}: {error}");
            assert!(!error.contains("plant"), "{error}");
        }
        let ratio = [("OTEL_TRACES_SAMPLER", "traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "2")];
        let all = [("OTEL_TRACES_EXPORTER", "otlp"), ratio[0], ratio[1]];
        let error = read_all(&all).unwrap_err();
        assert_eq!(
            error,
            "environment variable OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1"
        );
    }
}
