//! What strangers may make the server hold: the sum that is printed, what is refused over it, and that what is
//! shipped stays below the limits of its containers.

use crate::support::Process;
use std::{collections::BTreeMap, fs, path::Path};

/// What `serve` with these arguments and variables prints, and its exit code.
async fn serve(argument: &str, variables: &[(&str, &str)]) -> (i32, String, String) {
    let mut process = Process::start(&["serve", argument], variables);
    let code = process.exit_code().await;
    (code, process.out.so_far().join("\n"), process.err.so_far().join("\n"))
}

/// The parts of the sum in MiB, by name.
fn parts(print: &str) -> BTreeMap<String, f64> {
    let lines = print.lines().skip_while(|line| !line.starts_with("# What strangers")).skip(1);
    let part = |line: &str| {
        let words: Vec<_> = line.trim_start_matches('#').split("  ").map(str::trim).collect();
        let words: Vec<_> = words.into_iter().filter(|word| !word.is_empty()).collect();
        let (size, unit) = words[0].split_once(' ').expect("a size and its unit");
        let unit = match unit {
            "MiB" => 1.0,
            "KiB" => 1.0 / 1024.0,
            other => panic!("a unit: {other}"),
        };
        (words[1].to_owned(), size.parse::<f64>().expect("a number") * unit)
    };
    lines.map(part).collect()
}

#[tokio::test]
async fn the_print_of_the_settings_has_the_sum_and_is_still_a_file_of_settings() {
    let (code, print, _) = serve("--print-config", &[]).await;
    assert_eq!(code, 0);
    let parts = parts(&print);
    let all: f64 = parts.iter().filter(|(name, _)| *name != "in all").map(|(_, it)| it).sum();
    assert!((all - parts["in all"]).abs() < 1.0, "{all}: {parts:?}");
    assert!(parts["in all"] < 6144.0, "the default of limits.memory: {parts:?}");
    // Each part grows with its own setting, and with nothing else's.
    let twice = [("CHITTYCHAT__LIMITS__PENDING_STREAMS", "8192")];
    let more = self::parts(&serve("--print-config", &twice).await.1);
    let name = "streams with nobody on them";
    assert!((more[name] - 2.0 * parts[name]).abs() < 1.0, "{more:?}");
    assert!((more["in all"] - parts["in all"] - parts[name]).abs() < 1.0, "{more:?}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("printed.toml");
    fs::write(&path, &print).unwrap();
    let mut again =
        Process::start(&["serve", "--check-config", "--config", path.to_str().unwrap()], &[]);
    assert_eq!(again.exit_code().await, 0);
}

#[tokio::test]
async fn settings_that_let_strangers_hold_too_much_are_refused_with_what_to_change() {
    let variables = [("CHITTYCHAT__LIMITS__MEMORY", "268435456")];
    for argument in ["--check-config", "--listen=127.0.0.1:0"] {
        let (code, _, error) = serve(argument, &variables).await;
        assert_eq!(code, 2, "{error}");
        for words in [
            "`limits.memory` is 268435456 (256.0 MiB)",
            "raise it, or lower",
            "`limits.connections`",
        ] {
            assert!(error.contains(words), "{words} in {error}");
        }
    }
}

/// The server's variables in a file that is shipped, and the limit of its container in MiB.
fn shipped(path: &str) -> (Vec<(String, String)>, f64) {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    let value = |text: &str| text.trim().trim_matches('"').to_owned();
    if path.ends_with("compose.yml") {
        let own = lines.iter().skip_while(|line| **line != "server:");
        let own: Vec<_> = own.take_while(|line| **line != "anton:").collect();
        let variables = own.iter().filter_map(|line| line.split_once(": "));
        let variables = variables.filter(|(name, _)| name.starts_with("CHITTYCHAT__"));
        let limit = own.iter().find_map(|line| line.strip_prefix("mem_limit: ")).unwrap();
        let limit = limit.trim_end_matches('m').parse().unwrap();
        return (variables.map(|(name, it)| (name.to_owned(), value(it))).collect(), limit);
    }
    let pairs = lines.windows(2).filter_map(|pair| {
        let name =
            pair[0].strip_prefix("- name: ").filter(|name| name.starts_with("CHITTYCHAT__"))?;
        Some((name.to_owned(), value(pair[1].strip_prefix("value: ")?)))
    });
    let limit = lines.iter().rev().find_map(|line| line.strip_prefix("memory: ")).unwrap();
    (pairs.collect(), limit.trim_end_matches("Mi").parse().unwrap())
}

#[tokio::test]
async fn what_is_shipped_stays_below_the_memory_of_its_containers() {
    for path in ["docker-compose.yml", "deploy/kubernetes/deployment.yaml"] {
        let (variables, limit) = shipped(path);
        let variables: Vec<_> =
            variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let memory = variables.iter().find(|(name, _)| *name == "CHITTYCHAT__LIMITS__MEMORY");
        let memory = memory.expect("it is set").1.parse::<f64>().unwrap() / 1_048_576.0;
        assert!(memory < limit, "{path}: {memory} of {limit} MiB");
        let (code, _, error) = serve("--check-config", &variables).await;
        assert_eq!(code, 0, "{path}: {error}");
        let all = parts(&serve("--print-config", &variables).await.1)["in all"];
        assert!(all < memory, "{path}: {all} of {memory} MiB");
        println!("{path}: {all:.1} MiB in all, {memory} MiB allowed, {limit} MiB in its container");
    }
}
