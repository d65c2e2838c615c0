//! The escaping of XML, for texts and for attributes in double quotes.

use std::fmt;

/// A text with nothing left in it that XML would take for markup.
#[derive(Clone, Copy, Debug)]
pub(super) struct Xml<'a>(pub(super) &'a str);

impl fmt::Display for Xml<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.split_inclusive(['&', '<', '>', '"', '\'']).try_for_each(|piece| {
            let end = piece.len() - usize::from(piece.ends_with(['&', '<', '>', '"', '\'']));
            f.write_str(&piece[..end])?;
            f.write_str(match &piece[end..] {
                "&" => "&amp;",
                "<" => "&lt;",
                ">" => "&gt;",
                "\"" => "&quot;",
                "'" => "&#39;",
                _ => "",
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_text() {
        assert_eq!(Xml("a<b c=\"d\">&'é").to_string(), "a&lt;b c=&quot;d&quot;&gt;&amp;&#39;é");
        assert_eq!(Xml("").to_string(), "");
    }
}
