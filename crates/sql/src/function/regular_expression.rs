//! [`compiled`]: PostgreSQL's advanced regular expressions, as those of the regex crate.
//!
//! The one idea: a pattern is read token by token and written again with everything escaped that the
//! crate would read otherwise, so that no syntax of the crate can be reached.
//! Which of several alternatives matches is the crate's choice, the first, and not the longest.
//! Back references and look-around are refused: the crate has none.
//!
//! Source: PostgreSQL 15, "POSIX Regular Expressions", and its `regc_lex.c` and `regcomp.c`.

use kappa_types::{SqlError, SqlState};

use super::regular_class::class;

/// How often a part can be repeated, as in PostgreSQL.
const REPEAT_COUNT_MAX: u32 = 255;

/// What the letters behind a pattern, or at its beginning, say.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct RegularOptions {
    /// `i`: letters match those of the other case.
    pub(super) ignore_case: bool,
    /// `n`, `p`: neither `.` nor a class that is negated matches a newline.
    pub(super) newline_stops: bool,
    /// `n`, `w`: `^` and `$` match at each line.
    pub(super) newline_anchors: bool,
    /// `x`: white space and comments are left out.
    pub(super) expanded: bool,
    /// `q`: the pattern is a plain text.
    pub(super) literal: bool,
}

impl RegularOptions {
    /// With another letter; `false` if there is none such.
    pub(super) fn set(&mut self, letter: char) -> Result<bool, SqlError> {
        match letter {
            'c' => self.ignore_case = false,
            'i' => self.ignore_case = true,
            'm' | 'n' => (self.newline_stops, self.newline_anchors) = (true, true),
            'p' => (self.newline_stops, self.newline_anchors) = (true, false),
            'q' => self.literal = true,
            's' => (self.newline_stops, self.newline_anchors) = (false, false),
            't' => self.expanded = false,
            'w' => (self.newline_stops, self.newline_anchors) = (false, true),
            'x' => self.expanded = true,
            'b' | 'e' => {
                return Err(SqlError::unsupported(
                    "basic and extended regular expressions are not supported",
                    "Write the pattern as an advanced one and leave the options b and e out.",
                ));
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// A pattern of PostgreSQL's, to be matched.
///
/// # Errors
/// 2201B if it is none, 0A000 for back references and look-around.
pub(super) fn compiled(pattern: &str, options: RegularOptions) -> Result<regex::Regex, SqlError> {
    let (translated, options) = translate(pattern, options)?;
    let built = regex::RegexBuilder::new(&translated).case_insensitive(options.ignore_case).build();
    built.map_err(|_| invalid("regular expression is too complex"))
}

/// 2201B with PostgreSQL's words.
pub(super) fn invalid(what: &str) -> SqlError {
    SqlError::new(SqlState::InvalidRegularExpression, format!("invalid regular expression: {what}"))
}

fn bad_operand() -> SqlError {
    invalid("quantifier operand invalid")
}

fn bad_escape() -> SqlError {
    invalid("invalid escape \\ sequence")
}

/// The pattern as the regex crate reads it, and its options with those at its beginning.
fn translate(
    pattern: &str,
    mut options: RegularOptions,
) -> Result<(String, RegularOptions), SqlError> {
    if options.literal {
        return Ok((regex::escape(pattern), options));
    }
    let mut rest = pattern;
    if let Some(after) = pattern.strip_prefix("***") {
        match after.chars().next() {
            Some('=') => return Ok((regex::escape(&after[1..]), options)),
            Some(':') => rest = &after[1..],
            _ => return Err(bad_operand()),
        }
    }
    if let Some(after) = rest.strip_prefix("(?")
        && after.starts_with(|c: char| c.is_ascii_alphabetic())
    {
        let letters =
            after.len() - after.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
        let wrong = || invalid("invalid embedded option");
        for letter in after[..letters].chars() {
            if !options.set(letter)? {
                return Err(wrong());
            }
        }
        rest = after[letters..].strip_prefix(')').ok_or_else(wrong)?;
        if options.literal {
            return Ok((regex::escape(rest), options));
        }
    }
    let mut reader = Translation::new(rest, options);
    while let Some(c) = reader.next() {
        reader.token(c)?;
    }
    if reader.open_count > 0 {
        return Err(invalid("parentheses () not balanced"));
    }
    Ok((reader.out, options))
}

/// What an escape in a pattern stands for.
pub(super) enum Escape {
    /// A character.
    Plain(char),
    /// A class, as it stands among others in brackets.
    Class(&'static str),
    /// A condition, as the regex crate writes it.
    Condition(&'static str),
    /// A group before, by number.
    Back(u32),
}

/// A pattern while it is read.
pub(super) struct Translation {
    /// What is read.
    chars: Vec<char>,
    /// Where the next character is.
    at: usize,
    /// What is written.
    out: String,
    /// The options of the pattern.
    pub(super) options: RegularOptions,
    /// Groups not closed yet.
    open_count: usize,
    /// Groups that are captured, so far.
    group_count: u32,
    /// Whether a quantifier can come next.
    repeatable: bool,
}

impl Translation {
    fn new(pattern: &str, options: RegularOptions) -> Self {
        Self {
            chars: pattern.chars().collect(),
            at: 0,
            out: String::new(),
            options,
            open_count: 0,
            group_count: 0,
            repeatable: false,
        }
    }

    /// The next character, taken.
    pub(super) fn next(&mut self) -> Option<char> {
        let c = self.peek(0);
        self.at += usize::from(c.is_some());
        c
    }

    /// A character ahead, left in place.
    pub(super) fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    /// Takes the next character if it is this one.
    pub(super) fn skip(&mut self, wanted: char) -> bool {
        let is_next = self.peek(0) == Some(wanted);
        self.at += usize::from(is_next);
        is_next
    }

    /// Takes these characters if they come next.
    fn skip_all(&mut self, wanted: &str) -> bool {
        let found = wanted.chars().enumerate().all(|(i, c)| self.peek(i) == Some(c));
        self.at += if found { wanted.chars().count() } else { 0 };
        found
    }

    fn token(&mut self, c: char) -> Result<(), SqlError> {
        match c {
            c if self.options.expanded && c.is_whitespace() => {}
            '#' if self.options.expanded => {
                while self.peek(0).is_some_and(|c| c != '\n') {
                    self.at += 1;
                }
            }
            '(' => self.open()?,
            ')' => self.close()?,
            '|' => self.condition("|"),
            '*' | '+' | '?' => self.quantifier(&c.to_string())?,
            '{' if self.peek(0).is_some_and(|c| c.is_ascii_digit()) => self.bounds()?,
            '[' if self.skip_all("[:<:]]") => self.condition("\\b{start}"),
            '[' if self.skip_all("[:>:]]") => self.condition("\\b{end}"),
            '[' => {
                let class = class(self)?;
                self.atom(&class);
            }
            '.' => self.atom(if self.options.newline_stops { "[^\\n]" } else { "(?s:.)" }),
            '^' => self.condition(if self.options.newline_anchors { "(?m:^)" } else { "^" }),
            '$' => self.condition(if self.options.newline_anchors { "(?m:$)" } else { "$" }),
            '\\' => match self.escape()? {
                Escape::Plain(c) => self.plain(c),
                Escape::Class(class) => self.atom(&format!("[{class}]")),
                Escape::Condition(condition) => self.condition(condition),
                Escape::Back(number) if number > self.group_count => {
                    return Err(invalid("invalid backreference number"));
                }
                Escape::Back(_) => return Err(unsupported("back references")),
            },
            c => self.plain(c),
        }
        Ok(())
    }

    fn atom(&mut self, text: &str) {
        self.out.push_str(text);
        self.repeatable = true;
    }

    fn plain(&mut self, c: char) {
        let mut buffer = [0; 4];
        self.atom(&regex::escape(c.encode_utf8(&mut buffer)));
    }

    /// What cannot be repeated.
    fn condition(&mut self, text: &str) {
        self.out.push_str(text);
        self.repeatable = false;
    }

    fn open(&mut self) -> Result<(), SqlError> {
        if !self.skip('?') {
            self.group_count += 1;
            self.open_count += 1;
            self.condition("(");
            return Ok(());
        }
        match (self.next(), self.peek(0)) {
            (Some(':'), _) => {
                self.open_count += 1;
                self.condition("(?:");
                Ok(())
            }
            (Some('#'), _) => {
                while self.next().is_some_and(|c| c != ')') {}
                Ok(())
            }
            (Some('=' | '!'), _) | (Some('<'), Some('=' | '!')) => Err(unsupported("look-around")),
            _ => Err(bad_operand()),
        }
    }

    fn close(&mut self) -> Result<(), SqlError> {
        if self.open_count == 0 {
            return Err(invalid("parentheses () not balanced"));
        }
        self.open_count -= 1;
        self.atom(")");
        Ok(())
    }

    fn quantifier(&mut self, text: &str) -> Result<(), SqlError> {
        if !self.repeatable {
            return Err(bad_operand());
        }
        self.condition(text);
        if self.skip('?') {
            self.out.push('?');
        }
        Ok(())
    }

    /// `{m}`, `{m,}` or `{m,n}`, after the brace.
    fn bounds(&mut self) -> Result<(), SqlError> {
        let wrong = || invalid("invalid repetition count(s)");
        let least = self.number().filter(|n| *n <= REPEAT_COUNT_MAX).ok_or_else(wrong)?;
        let mut text = format!("{{{least}");
        if self.skip(',') {
            text.push(',');
            if self.peek(0).is_some_and(|c| c.is_ascii_digit()) {
                let most = self.number().filter(|n| (least..=REPEAT_COUNT_MAX).contains(n));
                text.push_str(&most.ok_or_else(wrong)?.to_string());
            }
        }
        match self.next() {
            Some('}') => {}
            Some(_) => return Err(wrong()),
            None => return Err(invalid("braces {} not balanced")),
        }
        text.push('}');
        self.quantifier(&text)
    }

    fn number(&mut self) -> Option<u32> {
        let mut number: u32 = 0;
        while let Some(digit) = self.peek(0).and_then(|c| c.to_digit(10)) {
            number = number.saturating_mul(10).saturating_add(digit);
            self.at += 1;
        }
        Some(number)
    }

    /// What stands after a backslash.
    pub(super) fn escape(&mut self) -> Result<Escape, SqlError> {
        let c = self.next().ok_or_else(bad_escape)?;
        Ok(match c {
            c if !c.is_ascii_alphanumeric() => Escape::Plain(c),
            'a' => Escape::Plain('\u{7}'),
            'b' => Escape::Plain('\u{8}'),
            'B' => Escape::Plain('\\'),
            'c' => {
                let control = self.next().ok_or_else(bad_escape)?;
                Escape::Plain(char::from((u32::from(control) & 0x1f) as u8))
            }
            'e' => Escape::Plain('\u{1b}'),
            'f' => Escape::Plain('\u{c}'),
            'n' => Escape::Plain('\n'),
            'r' => Escape::Plain('\r'),
            't' => Escape::Plain('\t'),
            'v' => Escape::Plain('\u{b}'),
            'u' => Escape::Plain(self.code(16, 4, 4)?),
            'U' => Escape::Plain(self.code(16, 8, 8)?),
            'x' => Escape::Plain(self.code(16, 1, 255)?),
            'd' => Escape::Class("0-9"),
            'D' => Escape::Class("[^0-9]"),
            's' => Escape::Class("\\s"),
            'S' => Escape::Class("\\S"),
            'w' => Escape::Class("\\w"),
            'W' => Escape::Class("\\W"),
            'A' => Escape::Condition("\\A"),
            'Z' => Escape::Condition("\\z"),
            'm' => Escape::Condition("\\b{start}"),
            'M' => Escape::Condition("\\b{end}"),
            'y' => Escape::Condition("\\b"),
            'Y' => Escape::Condition("\\B"),
            '0'..='9' => {
                self.at -= 1;
                self.digits()?
            }
            _ => return Err(bad_escape()),
        })
    }

    /// A group by number, or a character by its octal code.
    fn digits(&mut self) -> Result<Escape, SqlError> {
        let start = self.at;
        if self.peek(0) != Some('0') {
            let number = self.number().unwrap_or_default();
            if self.at - start == 1 || number <= self.group_count {
                return Ok(Escape::Back(number));
            }
            self.at = start;
        }
        Ok(Escape::Plain(self.code(8, 1, 3)?))
    }

    /// A character by its code, of so many digits.
    fn code(&mut self, radix: u32, least: usize, most: usize) -> Result<char, SqlError> {
        let (mut code, mut count) = (0_u32, 0);
        while count < most
            && let Some(digit) = self.peek(0).and_then(|c| c.to_digit(radix))
        {
            code = code.saturating_mul(radix).saturating_add(digit);
            (self.at, count) = (self.at + 1, count + 1);
        }
        let code = if count < least { None } else { char::from_u32(code) };
        code.ok_or_else(bad_escape)
    }
}

fn unsupported(what: &str) -> SqlError {
    SqlError::unsupported(
        format!("{what} in regular expressions are not supported"),
        "Match a simpler pattern, and compare what its groups found.",
    )
}
