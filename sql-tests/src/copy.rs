//! `COPY … FROM STDIN` in scripts: the statement on the first line, the data on the next ones.
//!
//! The one idea: the form that `psql -f` reads, so that a script's COPY can be pasted into psql. A last
//! line `\.` is allowed and not sent.

/// A COPY with its data.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Copy<'a> {
    /// `COPY … FROM STDIN …`.
    In {
        /// The statement.
        statement: &'a str,
        /// The lines to send, each with its end.
        data: String,
    },
    /// `COPY … TO STDOUT …`.
    Out {
        /// The statement.
        statement: &'a str,
    },
}

impl<'a> Copy<'a> {
    /// The COPY in a script's text, if it is one.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
        let statement = first.trim().trim_end_matches(';');
        let words = statement.to_ascii_uppercase();
        if !words.starts_with("COPY ") {
            return None;
        }
        if words.contains(" FROM STDIN") {
            let lines = rest.lines().filter(|line| *line != "\\.");
            let data = lines.flat_map(|line| [line, "\n"]).collect();
            return Some(Self::In { statement, data });
        }
        let whole = text.trim().trim_end_matches(';');
        words_of(whole).ends_with("TO STDOUT").then_some(())?;
        Some(Self::Out { statement: whole })
    }
}

/// The text in upper case up to the options of a COPY.
fn words_of(text: &str) -> String {
    let words = text.to_ascii_uppercase();
    let end = words.rfind("TO STDOUT").map_or(words.len(), |at| at + "TO STDOUT".len());
    words[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_follows_the_statement() {
        let copy = Copy::parse("COPY t FROM STDIN (FORMAT csv);\n1,a\n2,b\n\\.").unwrap();
        let data = "1,a\n2,b\n".to_owned();
        assert_eq!(copy, Copy::In { statement: "COPY t FROM STDIN (FORMAT csv)", data });
    }

    #[test]
    fn copy_out_is_known() {
        let expected = Copy::Out { statement: "COPY (SELECT 1) TO STDOUT WITH (FORMAT csv)" };
        assert_eq!(Copy::parse("COPY (SELECT 1) TO STDOUT WITH (FORMAT csv);"), Some(expected));
        assert_eq!(Copy::parse("SELECT 1"), None);
        assert_eq!(Copy::parse("COPY t FROM 'file'"), None);
    }
}
