//! Tokens: who holds one is the participant that its line names.
//!
//! The file has a line for each: the name, a space, and `sha256:` with the token's hash in hexadecimal
//! digits. Empty lines and lines that begin with `#` are passed over. A name may have several, so that a
//! token can be replaced without a gap; a token has one name.
//!
//! Why a plain SHA-256 and no slow hash: a slow one makes guessing dear, which passwords need, because
//! people choose them. These tokens are 256 random bits ([`mint`]), so there is nothing to guess, and a
//! server that anybody may ask must not pay for each question with a tenth of a second.
//!
//! A presented token is hashed once, and its hash is looked up in a sorted list: a refusal costs the same
//! however many tokens there are. How long the search takes depends on the hashes and on nothing else, and
//! a hash is no secret worth having: it leads to no token, since there are 2²⁵⁶ to try. What is found is
//! compared in constant time all the same, because it is one comparison.

use super::file::{KeyFault, Named};
use crate::chat::{Participant, escape::Escaped};
use ring::{
    digest::{SHA256, digest},
    rand::{SecureRandom as _, SystemRandom},
};
use std::{fmt, fmt::Write as _, str, sync::Arc};
use subtle::ConstantTimeEq as _;

/// The most lines with a token.
const MAX_TOKENS: usize = 16_384;
/// The most bytes of a token that is looked at.
const MAX_TOKEN: usize = 512;
/// How a hash begins.
const SCHEME: &str = "sha256:";
/// How a token of ours begins, so that people and scanners know one when they see it.
const MARK: &str = "chittychat_";

pub(super) type Hash = [u8; 32];

/// A list of tokens, sorted by their hashes.
#[derive(Debug, Default)]
pub struct Tokens(Vec<(Hash, Arc<[Box<str>]>)>);

/// A new token.
pub struct Minted {
    /// What its holder keeps secret.
    pub token: String,
    /// What the server's file is to hold.
    pub line: String,
}

/// Says nothing, because it is a secret.
impl fmt::Debug for Minted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Minted").finish_non_exhaustive()
    }
}

/// Makes a token for a participant of this name, of 256 bits that the system draws.
///
/// # Errors
/// With a sentence if no participant can have the name, no line can hold it, or the system has no
/// random bits.
pub fn mint(name: &str) -> Result<Minted, String> {
    check(name)?;
    let mut bits = [0; 32];
    SystemRandom::new().fill(&mut bits).map_err(|_| "the system draws no random bits")?;
    let token = format!("{MARK}{}", hex(&bits));
    let line = format!("{name} {SCHEME}{}", hex(&hash(token.as_bytes())));
    Ok(Minted { token, line })
}

/// Whether a name can stand in a line.
fn check(name: &str) -> Result<(), String> {
    Participant::new(name, "", 0).map_err(|fault| fault.to_string())?;
    if name.starts_with('#') || name.trim() != name {
        return Err("a name with a token does not begin with #, nor begin or end with space".into());
    }
    Ok(())
}

fn hash(token: &[u8]) -> Hash {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, token).as_ref());
    hash
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> Option<Hash> {
    let mut hash = [0; 32];
    // Asked first, because the number parser takes a sign.
    let is_hash = text.len() == 2 * hash.len() && text.bytes().all(|c| c.is_ascii_hexdigit());
    if !is_hash {
        return None;
    }
    for (byte, digits) in hash.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(hash)
}

impl Tokens {
    /// Reads a file's content.
    pub(super) fn read(file: &Named, bytes: &[u8]) -> Result<Self, KeyFault> {
        let text = str::from_utf8(bytes).map_err(|_| file.fault("is not UTF-8"))?;
        let mut tokens: Vec<(Hash, Arc<[Box<str>]>)> = Vec::new();
        let lines = (1..).zip(text.lines().map(str::trim));
        for (number, line) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
            let wrong = |why: &str| file.fault(format_args!("is wrong in line {number}: {why}"));
            let (name, hash) = line
                .rsplit_once([' ', '\t'])
                .and_then(|(name, hash)| Some((name.trim(), unhex(hash.strip_prefix(SCHEME)?)?)))
                .ok_or_else(|| {
                    wrong("a name, a space and sha256: with 64 hexadecimal digits are wanted")
                })?;
            check(name).map_err(|why| wrong(&why))?;
            if tokens.len() == MAX_TOKENS {
                return Err(wrong(&format!("{MAX_TOKENS} tokens are allowed")));
            }
            tokens.push((hash, Arc::from([Box::from(name)])));
        }
        tokens.sort_by_key(|(hash, _)| *hash);
        if let Some(twice) = tokens.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            let name = Escaped(&twice[0].1[0]).to_string();
            return Err(file.fault(format_args!("has a token of {name} in two lines")));
        }
        Ok(Self(tokens))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True if there are none: then nobody comes in.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whose token this is, and its hash.
    pub(super) fn holder(&self, token: &[u8]) -> Option<(Hash, Arc<[Box<str>]>)> {
        // How long it is, is no secret.
        if token.len() > MAX_TOKEN {
            return None;
        }
        let shown = hash(token);
        self.holder_of(&shown).map(|names| (shown, Arc::clone(names)))
    }

    /// Whose token has this hash.
    pub(super) fn holder_of(&self, shown: &Hash) -> Option<&Arc<[Box<str>]>> {
        let (hash, names) = self.0.get(self.0.partition_point(|(hash, _)| hash < shown))?;
        bool::from(hash.ct_eq(shown)).then_some(names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Tokens, String> {
        let file = Named::new("auth.tokens", "tokens");
        Tokens::read(&file, text.as_bytes()).map_err(|fault| fault.to_string())
    }

    fn minted(name: &str) -> Minted {
        mint(name).expect("a token")
    }

    #[test]
    fn a_token_is_its_holders_and_nobody_elses() {
        let [anton, second, anna] = ["Anton", "Anton", "Anna Maria ø"].map(minted);
        let lines = [&*anton.line, "# spare", "", &second.line, &anna.line].join("\n");
        let tokens = read(&lines).expect("the file is well-formed");
        let holder =
            |token: &str| tokens.holder(token.as_bytes()).map(|(_, names)| names[0].to_string());
        assert_eq!(tokens.len(), 3);
        for (minted, name) in [(&anton, "Anton"), (&second, "Anton"), (&anna, "Anna Maria ø")] {
            assert_eq!(holder(&minted.token).as_deref(), Some(name));
        }
        for other in ["", MARK, &minted("Anton").token, &anton.token[1..], &anton.line] {
            assert_eq!(holder(other), None, "{other}");
        }
        assert_eq!(holder(&format!("{} ", anton.token)), None);
    }

    #[test]
    fn a_hash_is_what_any_tool_computes() {
        let zeros = format!("Anton sha256:{}", "0".repeat(64));
        assert_eq!(read(&zeros).expect("a hash").holder(b""), None);
        // printf secret | sha256sum
        let line = "Anton sha256:2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
        assert!(read(line).expect("a hash").holder(b"secret").is_some());
        assert!(read(&line.to_uppercase().replace("SHA256", "sha256")).is_ok());
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line_and_without_its_content() {
        let Minted { token, line } = minted("Anton");
        let hash = line.strip_prefix("Anton ").expect("it begins so").to_owned();
        for (text, words) in [
            (format!("\n{token}"), "line 2: a name, a space and sha256:"),
            (format!("Anton {token}"), "line 1"),
            (hash.clone(), "line 1"),
            (format!("Anton {}", &hash[..70]), "64 hexadecimal digits"),
            (format!("Anton sha256:{}", "+1".repeat(32)), "64 hexadecimal digits"),
            (format!("{} {hash}", "x".repeat(65)), "the name has 65 characters"),
            (format!("{line}\nBjarke {hash}"), "two lines"),
        ] {
            let fault = read(&text).expect_err(&text);
            assert!(fault.starts_with("`auth.tokens` names tokens, which "), "{fault}");
            assert!(fault.contains(words), "{fault}");
            assert!(!fault.contains(&token) && !fault.contains(&hash[10..]), "{fault}");
        }
        for name in ["", "#a", " a", "a\nb"] {
            assert!(mint(name).is_err(), "{name:?}");
        }
        assert!(read("").expect("nobody").is_empty());
        assert!(!format!("{:?}", minted("Anton")).contains(MARK));
    }
}
