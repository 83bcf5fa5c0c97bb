//! What is deployed agrees with the code and with each other: ports, paths, users, times, names.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use forgewire::config::{Config, Inputs, Loaded};
use serde_json::Value;
use tempfile::TempDir;

const PROGRAM: &str = "/usr/local/bin/forgewire";
const CONFIGURATION: &str = "/etc/forgewire/forgewire.toml";
/// User and group of every container.
const USER: &str = "65532";

fn text(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The documents of a YAML file.
fn yaml(name: &str) -> Vec<Value> {
    let documents = serde_saphyr::from_multiple(&text(name));
    documents.unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The value at a JSON pointer, which must be there.
fn at<'a>(value: &'a Value, pointer: &str) -> &'a Value {
    value.pointer(pointer).unwrap_or_else(|| panic!("no {pointer} in {value:#}"))
}

fn str_at<'a>(value: &'a Value, pointer: &str) -> &'a str {
    at(value, pointer).as_str().unwrap_or_else(|| panic!("{pointer} is no text in {value:#}"))
}

fn list<'a>(value: &'a Value, pointer: &str) -> &'a Vec<Value> {
    at(value, pointer).as_array().unwrap_or_else(|| panic!("{pointer} is no list in {value:#}"))
}

/// The instructions of the last stage of the Dockerfile, with continued lines joined.
fn image() -> Vec<(String, String)> {
    let dockerfile = text("Dockerfile").replace("\\\n", " ");
    let stage =
        dockerfile.split("\nFROM scratch\n").nth(1).expect("the last stage is from scratch");
    let lines = stage.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let instructions = lines.map(|line| line.split_once(' ').unwrap());
    instructions.map(|(name, rest)| (name.to_owned(), rest.to_owned())).collect()
}

/// The only instruction of this name.
fn instruction(name: &str) -> String {
    let found: Vec<_> =
        image().into_iter().filter(|(instruction, _)| instruction == name).collect();
    assert_eq!(found.len(), 1, "{name}: {found:?}");
    found[0].1.clone()
}

fn compose() -> Value {
    yaml("deploy/compose.yaml").remove(0)
}

fn service(name: &str) -> Value {
    at(&compose(), &format!("/services/{name}")).clone()
}

/// Every document under deploy/kubernetes but the kustomization, by kind and name.
fn manifests() -> BTreeMap<(String, String), Value> {
    let files =
        std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/kubernetes")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let documents = names
        .filter(|name| name != "kustomization.yaml")
        .flat_map(|name| yaml(&format!("deploy/kubernetes/{name}")));
    let keyed = documents.map(|document| {
        let key =
            (str_at(&document, "/kind").to_owned(), str_at(&document, "/metadata/name").to_owned());
        (key, document)
    });
    keyed.collect()
}

fn manifest(kind: &str, name: &str) -> Value {
    manifests()
        .remove(&(kind.to_owned(), name.to_owned()))
        .unwrap_or_else(|| panic!("no {kind} {name}"))
}

fn pod() -> Value {
    at(&manifest("StatefulSet", "forgewire"), "/spec/template/spec").clone()
}

/// The directory that the `StatefulSet` mounts at /etc/forgewire, with this secret for each source.
fn mounted(secret: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let pod = pod();
    let volumes = list(&pod, "/volumes");
    let config = volumes.iter().find(|volume| volume["name"] == "config").unwrap();
    for source in list(config, "/projected/sources") {
        for (kind, data, key) in
            [("configMap", "ConfigMap", "/data"), ("secret", "Secret", "/stringData")]
        {
            let Some(source) = source.get(kind) else { continue };
            let content = manifest(data, str_at(source, "/name"));
            for item in list(source, "/items") {
                let text = str_at(&content, &format!("{key}/{}", str_at(item, "/key")));
                let path = dir.path().join(str_at(item, "/path"));
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(
                    path,
                    if kind == "secret" && !secret.is_empty() { secret } else { text },
                )
                .unwrap();
            }
        }
    }
    dir
}

/// What the daemon of the `StatefulSet` is told.
fn in_kubernetes() -> Config {
    let dir = mounted("a secret that is long enough");
    let Loaded { config, .. } =
        Config::load(&Inputs::new().with_file(dir.path().join("forgewire.toml"))).unwrap();
    config
}

/// What the daemon of the compose file is told, with this directory for the one of secrets.
fn in_compose(secrets: &Path) -> Config {
    let forgewire = service("forgewire");
    let environment =
        at(&forgewire, "/environment").as_object().unwrap().iter().map(|(key, value)| {
            let value = value.as_str().unwrap().replace("/run/secrets", secrets.to_str().unwrap());
            (OsString::from(key), OsString::from(value))
        });
    let Loaded { config, .. } = Config::load(&Inputs::new().with_env(environment)).unwrap();
    config
}

fn compose_secrets() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for name in list(&service("forgewire"), "/secrets") {
        std::fs::write(dir.path().join(name.as_str().unwrap()), "a secret that is long enough\n")
            .unwrap();
    }
    dir
}

#[test]
fn the_ports_are_those_of_the_code_everywhere() {
    let code = Config::default();
    let (hooks, admin) = (code.http.listen.port(), code.admin.listen.port());
    assert_eq!(instruction("EXPOSE"), format!("{hooks} {admin}"));

    let secrets = compose_secrets();
    let config = in_compose(secrets.path());
    assert_eq!((config.http.listen.port(), config.admin.listen.port()), (hooks, admin));
    let published: Vec<_> = list(&service("forgewire"), "/ports")
        .iter()
        .map(|port| port.as_str().unwrap().to_owned())
        .collect();
    assert_eq!(published, [format!("{hooks}:{hooks}"), format!("127.0.0.1:{admin}:{admin}")]);
    let nats = &config.nats.servers[0];
    assert_eq!(nats, "nats://nats:4222");
    let flags = list(&service("nats"), "/command").clone();
    let port = flags.iter().position(|flag| flag == "--port").unwrap();
    assert!(nats.ends_with(flags[port + 1].as_str().unwrap()), "{flags:?}");

    let config = in_kubernetes();
    assert_eq!((config.http.listen.port(), config.admin.listen.port()), (hooks, admin));
    for listen in [config.http.listen, config.admin.listen] {
        assert!(listen.ip().is_unspecified(), "the kubelet and other pods reach {listen}");
    }
    let pod = pod();
    let ports = list(&pod, "/containers/0/ports")
        .iter()
        .map(|port| (str_at(port, "/name"), port["containerPort"].as_u64().unwrap()));
    assert_eq!(ports.collect::<Vec<_>>(), [("hooks", hooks.into()), ("admin", admin.into())]);
    for (service, port, name) in
        [("forgewire", hooks, "hooks"), ("forgewire-replicas", admin, "admin")]
    {
        let service = manifest("Service", service);
        assert_eq!(at(&service, "/spec/ports/0/port"), port);
        assert_eq!(str_at(&service, "/spec/ports/0/targetPort"), name);
    }
    let policy = manifest("NetworkPolicy", "forgewire");
    let let_in: Vec<_> =
        list(&policy, "/spec/ingress").iter().map(|rule| str_at(rule, "/ports/0/port")).collect();
    assert_eq!(let_in, ["hooks", "admin"]);
    assert_eq!(at(&policy, "/spec/egress/0/ports/0/port"), 4222);
    assert!(config.nats.servers.iter().all(|server| server.ends_with(":4222")));
}

#[test]
fn the_user_is_the_same_number_everywhere() {
    assert_eq!(instruction("USER"), format!("{USER}:{USER}"));
    let owned: Vec<_> = image().into_iter().filter(|(_, rest)| rest.contains("--chown=")).collect();
    assert_eq!(owned.len(), 1);
    assert!(
        owned[0].1.contains(&format!("--chown={USER}:{USER} "))
            && owned[0].1.ends_with(" /var/lib/"),
        "{owned:?}"
    );
    let rootfs = text("deploy/container/rootfs");
    assert!(
        rootfs.contains(&format!("'forgewire:x:{USER}:{USER}::/var/lib/forgewire:")),
        "/etc/passwd"
    );
    assert!(rootfs.contains(&format!("'forgewire:x:{USER}:'")), "/etc/group");
    let test = text("deploy/container/test");
    assert!(test.contains(&format!("--userspec={USER}:{USER}")), "what the test runs as");
    assert_eq!(str_at(&service("forgewire"), "/user"), format!("{USER}:{USER}"));
    assert_eq!(list(&service("gitea-setup"), "/group_add"), &[USER]);
    for key in ["runAsUser", "runAsGroup", "fsGroup"] {
        assert_eq!(at(&pod(), &format!("/securityContext/{key}")).to_string(), USER, "{key}");
    }
    assert_eq!(at(&pod(), "/securityContext/runAsNonRoot"), true);
}

#[test]
fn what_is_kept_is_on_a_volume_everywhere() {
    let dir = Config::default().spool.dir;
    assert_eq!(Path::new(&instruction("VOLUME")), dir);
    let secrets = compose_secrets();
    assert_eq!(in_compose(secrets.path()).spool.dir, dir);
    assert_eq!(list(&service("forgewire"), "/volumes"), &[format!("spool:{}", dir.display())]);
    let pod = pod();
    let mounts: BTreeMap<_, _> = list(&pod, "/containers/0/volumeMounts")
        .iter()
        .map(|mount| (str_at(mount, "/name"), PathBuf::from(str_at(mount, "/mountPath"))))
        .collect();
    assert_eq!(mounts["spool"], dir);
    let spool = in_kubernetes().spool;
    assert!(
        spool.dir.starts_with(&dir) && spool.dir != dir,
        "a directory of its own on the volume"
    );
    let claim = manifest("StatefulSet", "forgewire");
    assert_eq!(str_at(&claim, "/spec/volumeClaimTemplates/0/metadata/name"), "spool");
    let room = str_at(&claim, "/spec/volumeClaimTemplates/0/spec/resources/requests/storage");
    let room: u64 = room.strip_suffix("Gi").unwrap().parse().unwrap();
    assert!(room << 30 > spool.max_bytes, "{room} GiB hold {} bytes", spool.max_bytes);
}

#[test]
fn the_configuration_is_where_the_image_looks_for_it() {
    assert_eq!(instruction("ENV"), format!("FORGEWIRE_CONFIG={CONFIGURATION}"));
    assert!(text("deploy/container/rootfs").contains("\"$root/etc/forgewire/forgewire.toml\""));
    let pod = pod();
    let mounts = list(&pod, "/containers/0/volumeMounts");
    let mount = mounts.iter().find(|mount| mount["name"] == "config").unwrap();
    let mounted = mounted("a secret that is long enough");
    let in_pod = Path::new(str_at(mount, "/mountPath")).join("forgewire.toml");
    assert_eq!(in_pod, Path::new(CONFIGURATION));
    assert!(mounted.path().join("forgewire.toml").is_file());
    assert!(text("README.md").contains(&format!("serve --config {CONFIGURATION}")));
}

#[test]
fn the_example_secret_of_kubernetes_is_refused_by_name() {
    let dir = mounted("");
    let refused = Config::load(&Inputs::new().with_file(dir.path().join("forgewire.toml")))
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("sources.gitea.secret_file") && refused.contains("16 bytes"),
        "{refused}"
    );
}

#[test]
fn the_secrets_of_compose_are_those_that_it_mounts() {
    let compose = compose();
    let declared: BTreeSet<_> = at(&compose, "/secrets").as_object().unwrap().keys().collect();
    let mut mounted = BTreeSet::new();
    for name in ["forgewire", "gitea-setup"] {
        mounted.extend(
            list(&service(name), "/secrets").iter().map(|name| name.as_str().unwrap().to_owned()),
        );
    }
    assert_eq!(declared.into_iter().cloned().collect::<BTreeSet<_>>(), mounted);
    let setup = text("deploy/compose/gitea-setup");
    for name in &mounted {
        assert!(setup.contains(&format!("/run/secrets/{name})")), "{name}");
        assert_eq!(str_at(&compose, &format!("/secrets/{name}/file")), format!("secrets/{name}"));
        assert!(text("README.md").contains(&format!("deploy/secrets/{name}")), "{name}");
    }
    assert!(text(".gitignore").lines().any(|line| line == "/deploy/secrets"));
}

#[test]
fn the_gitea_of_compose_is_wired_to_forgewire() {
    let hosts = service("gitea");
    assert_eq!(str_at(&hosts, "/environment/GITEA__webhook__ALLOWED_HOST_LIST"), "forgewire");
    let secrets = compose_secrets();
    let config = in_compose(secrets.path());
    let source = config.sources.keys().next().unwrap();
    let url = format!("\"url\": \"http://forgewire:{}/hooks/{source}\"", config.http.listen.port());
    assert!(text("deploy/compose/gitea-setup").contains(&url), "{url}");
}

/// By the README memory stays below four times what bodies may take; a daemon without requests takes 20 MiB.
#[test]
fn a_container_may_take_the_memory_that_bodies_make_the_daemon_take() {
    let needed = |http: &forgewire::config::Http| 4 * http.max_buffered_bytes + (32 << 20);
    let mebibytes = |limit: &str, unit: &str| {
        let number = limit.strip_suffix(unit).unwrap_or_else(|| panic!("{limit}"));
        number.parse::<usize>().unwrap() << 20
    };
    let secrets = compose_secrets();
    let compose = mebibytes(str_at(&service("forgewire"), "/mem_limit"), "m");
    assert!(compose >= needed(&in_compose(secrets.path()).http), "compose: {compose}");
    let kubernetes = mebibytes(str_at(&pod(), "/containers/0/resources/limits/memory"), "Mi");
    assert!(kubernetes >= needed(&in_kubernetes().http), "Kubernetes: {kubernetes}");
}

#[test]
fn a_stop_has_more_time_than_the_daemon_takes_for_it() {
    let secrets = compose_secrets();
    let grace =
        humantime::parse_duration(str_at(&service("forgewire"), "/stop_grace_period")).unwrap();
    let needed = in_compose(secrets.path()).http.stop_timeout + Duration::from_secs(5);
    assert!(grace >= needed, "compose: {grace:?}");
    let http = in_kubernetes().http;
    let grace =
        at(&pod(), "/terminationGracePeriodSeconds").as_u64().map(Duration::from_secs).unwrap();
    assert!(grace >= http.stop_timeout + Duration::from_secs(5), "Kubernetes: {grace:?}");
    // While it drains it accepts connections, which is what makes a preStop needless: for longer than it takes until a
    // replica that is not ready any more is taken out of the Service, twice over.
    let pod = pod();
    let probe =
        |key: &str| at(&pod, &format!("/containers/0/readinessProbe/{key}")).as_u64().unwrap();
    let noticed = Duration::from_secs(
        probe("periodSeconds") * probe("failureThreshold") + probe("timeoutSeconds"),
    );
    assert!(http.drain >= 2 * noticed, "{:?} and {noticed:?}", http.drain);
}

#[test]
fn the_image_runs_the_program_and_checks_its_health_by_it() {
    assert_eq!(instruction("ENTRYPOINT"), format!("[\"{PROGRAM}\"]"));
    assert_eq!(instruction("CMD"), "[\"serve\"]");
    assert_eq!(instruction("STOPSIGNAL"), "SIGTERM");
    let check = instruction("HEALTHCHECK");
    assert!(check.ends_with(&format!("CMD [\"{PROGRAM}\", \"health\"]")), "{check}");
    // It answers within 3 seconds itself.
    assert!(check.contains("--timeout=5s"), "{check}");
    assert!(text("deploy/container/rootfs").contains(&format!("\"$root{PROGRAM}\"")));
    assert_eq!(list(&pod(), "/containers/0/args"), &["serve"]);
}

#[test]
fn probes_ask_what_the_daemon_answers() {
    let routes = text("src/ingress.rs");
    for (probe, path) in
        [("startupProbe", "/livez"), ("livenessProbe", "/livez"), ("readinessProbe", "/readyz")]
    {
        let probe = at(&pod(), &format!("/containers/0/{probe}/httpGet")).clone();
        assert_eq!((str_at(&probe, "/path"), str_at(&probe, "/port")), (path, "admin"));
        assert!(routes.contains(&format!(".route(\"{path}\"")), "{path}");
    }
}

#[test]
fn the_image_says_what_the_package_says() {
    let labels = instruction("LABEL");
    for (name, value) in [
        ("title", env!("CARGO_PKG_NAME")),
        ("description", env!("CARGO_PKG_DESCRIPTION")),
        ("licenses", env!("CARGO_PKG_LICENSE")),
        ("version", "${VERSION}"),
    ] {
        let label = format!("org.opencontainers.image.{name}=\"{value}\"");
        assert!(labels.contains(&label), "{label} in {labels}");
    }
    let version = format!("VERSION={}", env!("CARGO_PKG_VERSION"));
    assert!(image().contains(&("ARG".to_owned(), version)));
    let kustomization = yaml("deploy/kubernetes/kustomization.yaml").remove(0);
    assert_eq!(str_at(&kustomization, "/images/0/newTag"), env!("CARGO_PKG_VERSION"));
    assert_eq!(at(&kustomization, "/images/0/name"), at(&pod(), "/containers/0/image"));
    let dockerfile = text("Dockerfile");
    let rust =
        dockerfile.split("library/rust:1.").nth(1).and_then(|rest| rest.split('-').next()).unwrap();
    let needed = env!("CARGO_PKG_RUST_VERSION").strip_prefix("1.").unwrap();
    assert!(rust.parse::<u32>().unwrap() >= needed.parse().unwrap(), "Rust 1.{rust} compiles it");
}

#[test]
fn the_image_is_built_as_a_release_unless_somebody_says_otherwise() {
    let cargo: toml::Table = text("Cargo.toml").parse().unwrap();
    let release = &cargo["profile"]["release"];
    let number = |value: &toml::Value| value.as_integer().unwrap().to_string();
    let dockerfile = text("Dockerfile");
    assert!(dockerfile.contains("\nARG PROFILE=release\n"));
    for (argument, value) in [
        ("LTO", release["lto"].as_str().unwrap().to_owned()),
        ("CODEGEN_UNITS", number(&release["codegen-units"])),
        ("OPT_LEVEL", release.get("opt-level").map_or("3".to_owned(), number)),
    ] {
        let line = format!("\nARG CARGO_PROFILE_RELEASE_{argument}={value}\n");
        assert!(dockerfile.contains(&line), "{line}");
    }
}

#[test]
fn nothing_may_do_more_than_it_must() {
    let forgewire = service("forgewire");
    assert_eq!(at(&forgewire, "/read_only"), true);
    for name in ["forgewire", "nats", "gitea", "gitea-setup"] {
        let service = service(name);
        assert_eq!(list(&service, "/cap_drop"), &["ALL"], "{name}");
        assert_eq!(list(&service, "/security_opt"), &["no-new-privileges:true"], "{name}");
        assert!(
            service.get("mem_limit").is_some() && service.get("pids_limit").is_some(),
            "{name}"
        );
    }
    let pod = pod();
    assert_eq!(at(&pod, "/automountServiceAccountToken"), false);
    assert_eq!(str_at(&pod, "/securityContext/seccompProfile/type"), "RuntimeDefault");
    let container = at(&pod, "/containers/0/securityContext");
    assert_eq!(at(container, "/readOnlyRootFilesystem"), true);
    assert_eq!(at(container, "/allowPrivilegeEscalation"), false);
    assert_eq!(list(container, "/capabilities/drop"), &["ALL"]);
}

#[test]
fn the_manifests_name_each_other() {
    let kustomization = yaml("deploy/kubernetes/kustomization.yaml").remove(0);
    let listed: BTreeSet<_> = list(&kustomization, "/resources")
        .iter()
        .map(|name| name.as_str().unwrap().to_owned())
        .collect();
    let files =
        std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/kubernetes")).unwrap();
    let mut there: BTreeSet<_> =
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    there.remove("kustomization.yaml");
    assert_eq!(listed, there);
    let set = manifest("StatefulSet", "forgewire");
    let labels = at(&set, "/spec/template/metadata/labels");
    for (kind, name, selector) in [
        ("StatefulSet", "forgewire", "/spec/selector/matchLabels"),
        ("Service", "forgewire", "/spec/selector"),
        ("Service", "forgewire-replicas", "/spec/selector"),
        ("PodDisruptionBudget", "forgewire", "/spec/selector/matchLabels"),
        ("NetworkPolicy", "forgewire", "/spec/podSelector/matchLabels"),
    ] {
        assert_eq!(at(&manifest(kind, name), selector), labels, "{kind} {name}");
    }
    let headless = manifest("Service", str_at(&set, "/spec/serviceName"));
    assert_eq!(str_at(&headless, "/spec/clusterIP"), "None");
    let (replicas, kept) = (
        at(&set, "/spec/replicas").as_u64(),
        at(&manifest("PodDisruptionBudget", "forgewire"), "/spec/minAvailable").as_u64(),
    );
    assert!(replicas > kept, "one can be taken away: {replicas:?} {kept:?}");
}

/// The values of a key in a section of a unit, in their order.
fn unit(name: &str, section: &str, key: &str) -> Vec<String> {
    let text = text(&format!("deploy/systemd/{name}"));
    let start = format!("[{section}]");
    let lines = text.lines().skip_while(|line| *line != start).skip(1);
    let lines = lines.take_while(|line| !line.starts_with('['));
    let values = lines.filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    values.map(str::to_owned).collect()
}

#[test]
fn the_units_say_what_image_and_code_say() {
    let code = Config::default();
    let service = |key: &str| {
        let values = unit("forgewire.service", "Service", key);
        assert_eq!(values.len(), 1, "{key}");
        values[0].clone()
    };
    assert_eq!(service("ExecStart"), format!("{PROGRAM} serve --config {CONFIGURATION}"));
    assert_eq!(Path::new("/var/lib").join(service("StateDirectory")), code.spool.dir);
    let stop = humantime::parse_duration(&format!("{}s", service("TimeoutStopSec"))).unwrap();
    assert!(stop >= code.http.stop_timeout + Duration::from_secs(5), "{stop:?}");
    // The name that the number has in the image.
    let user = service("User");
    assert!(text("deploy/container/rootfs").contains(&format!("'{user}:x:{USER}:")), "{user}");
    assert_eq!(service("Group"), user);
    let listen = unit("forgewire.socket", "Socket", "ListenStream");
    assert_eq!(listen, [code.http.listen.to_string()]);
}
