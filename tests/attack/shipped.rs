//! The settings that are shipped: the server's environment in docker-compose.yml and in the Kubernetes
//! manifest, and the memory that each lets it have.
//!
//! It is no YAML reader. The two files are this repository's own, each variable stands in a line of its
//! own, and only the server has any; what is not found fails the test.

use std::{fs, path::Path};

/// A way to deploy the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// docker-compose.yml.
    Compose,
    /// deploy/kubernetes/deployment.yaml.
    Kubernetes,
}

/// What is shipped for it.
#[derive(Clone, Debug)]
pub struct Shipped {
    /// Settings, as environment variables. Where to listen is the tests' own business.
    pub variables: Vec<(String, String)>,
    /// The bytes that the server may hold.
    pub memory: u64,
}

impl Profile {
    /// Reads its file.
    pub fn read(self) -> Shipped {
        let (path, memory) = match self {
            Self::Compose => ("docker-compose.yml", "mem_limit: "),
            Self::Kubernetes => ("deploy/kubernetes/deployment.yaml", "memory: "),
        };
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        let text = fs::read_to_string(&path).expect("a file of this repository");
        let variables = match self {
            Self::Compose => text.lines().filter_map(|line| line.trim().split_once(": ")).collect(),
            Self::Kubernetes => named_values(&text),
        };
        let is_setting = |(name, _): &(&str, &str)| {
            name.starts_with("CHITTYCHAT__") && !name.ends_with("__LISTEN")
        };
        let variables: Vec<_> = variables
            .into_iter()
            .filter(is_setting)
            .map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned()))
            .collect();
        assert!(!variables.is_empty(), "no settings in {}", path.display());
        // The server's limit is the first one behind its name, and in the manifest behind `limits`.
        let (_, rest) = text.split_once("CHITTYCHAT__LIMITS__").expect("settings of the server");
        let (_, rest) =
            rest.split_once(if self == Self::Compose { "\n" } else { "limits:" }).unwrap();
        let (_, memory) = rest.split_once(memory).expect("a limit on its memory");
        Shipped { variables, memory: bytes(memory.lines().next().unwrap()) }
    }
}

/// Pairs of lines: `- name: NAME` and `value: VALUE`.
fn named_values(text: &str) -> Vec<(&str, &str)> {
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    let pairs = lines.windows(2).filter_map(|pair| {
        Some((pair[0].strip_prefix("- name: ")?, pair[1].strip_prefix("value: ")?))
    });
    pairs.collect()
}

/// `128m` and `256Mi` in bytes.
fn bytes(size: &str) -> u64 {
    let digits = size.trim().trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = match size.trim().strip_prefix(digits) {
        Some("m" | "Mi") => 1 << 20,
        Some("g" | "Gi") => 1 << 30,
        other => panic!("a unit of memory: {other:?}"),
    };
    digits.parse::<u64>().expect("a number") * unit
}

#[test]
fn what_is_shipped_is_found() {
    let [compose, kubernetes] = [Profile::Compose, Profile::Kubernetes].map(Profile::read);
    for shipped in [&compose, &kubernetes] {
        let has = |key: &str| shipped.variables.iter().any(|(name, _)| name.ends_with(key));
        assert!(has("__MESSAGES_PER_SECOND") && has("__SHUTDOWN__DEADLINE"), "{shipped:?}");
        assert!(!has("__LISTEN"), "{shipped:?}");
    }
    // As of when this was written; a change of it is wanted to be seen.
    assert_eq!((compose.memory, kubernetes.memory), (190 << 20, 256 << 20));
}
