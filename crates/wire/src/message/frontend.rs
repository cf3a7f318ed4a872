//! What clients say, decoded from frames of one type byte, a length and a body.

use bytes::{Buf, Bytes};
use kappa_types::text::utf8;

use crate::failure::Failure;

/// A message of the normal phase.
#[derive(Debug)]
pub(crate) enum Message {
    Query(String),
    Parse {
        name: String,
        text: String,
        parameter_oids: Vec<u32>,
    },
    Bind(Bind),
    Describe(Target),
    Execute {
        portal: String,
        max_rows: i32,
    },
    Close(Target),
    Flush,
    Sync,
    Terminate,
    CopyData(Bytes),
    CopyDone,
    CopyFail(String),
    /// The deprecated fast-path call of a function.
    FunctionCall,
}

/// A prepared statement or a portal, by name.
#[derive(Debug)]
pub(crate) enum Target {
    Statement(String),
    Portal(String),
}

/// Makes a portal of a statement and parameters.
#[derive(Debug)]
pub(crate) struct Bind {
    pub(crate) portal: String,
    pub(crate) statement: String,
    pub(crate) parameter_formats: Vec<i16>,
    /// `None` is NULL.
    pub(crate) parameters: Vec<Option<Bytes>>,
    pub(crate) result_formats: Vec<i16>,
}

/// Whether messages of this type exist. Another byte means that the two sides have lost each other.
pub(crate) const fn is_known(kind: u8) -> bool {
    matches!(
        kind,
        b'Q' | b'P'
            | b'B'
            | b'D'
            | b'E'
            | b'C'
            | b'H'
            | b'S'
            | b'X'
            | b'd'
            | b'c'
            | b'f'
            | b'F'
            | b'p'
    )
}

/// Decodes a message.
///
/// # Errors
/// 08P01 where the body does not fit the type, 22021 where text is not UTF-8.
pub(crate) fn decode(kind: u8, body: Bytes) -> Result<Message, Failure> {
    let mut body = Body(body);
    let message = match kind {
        b'Q' => Message::Query(body.string()?),
        b'P' => {
            let (name, text) = (body.string()?, body.string()?);
            let count = body.count()?;
            let parameter_oids =
                (0..count).map(|_| body.u32()).collect::<Result<Vec<u32>, Failure>>()?;
            Message::Parse { name, text, parameter_oids }
        }
        b'B' => Message::Bind(decode_bind(&mut body)?),
        b'D' => Message::Describe(body.target("DESCRIBE")?),
        b'E' => Message::Execute { portal: body.string()?, max_rows: body.u32()?.cast_signed() },
        b'C' => Message::Close(body.target("CLOSE")?),
        b'H' => Message::Flush,
        b'S' => Message::Sync,
        b'X' => Message::Terminate,
        b'd' => return Ok(Message::CopyData(body.0)),
        b'c' => Message::CopyDone,
        b'f' => Message::CopyFail(body.string()?),
        b'F' => return Ok(Message::FunctionCall),
        _ => return Err(Failure::protocol(format!("unexpected message type {kind}"))),
    };
    if body.0.is_empty() { Ok(message) } else { Err(malformed()) }
}

fn decode_bind(body: &mut Body) -> Result<Bind, Failure> {
    let (portal, statement) = (body.string()?, body.string()?);
    let parameter_formats = body.formats()?;
    let count = body.count()?;
    let mut parameters = Vec::with_capacity(count.min(body.0.len() / 4));
    for _ in 0..count {
        let length = body.u32()?.cast_signed();
        parameters.push(match usize::try_from(length) {
            Ok(length) => Some(body.take(length)?),
            Err(_) if length == -1 => None,
            Err(_) => return Err(malformed()),
        });
    }
    Ok(Bind { portal, statement, parameter_formats, parameters, result_formats: body.formats()? })
}

#[cold]
fn malformed() -> Failure {
    Failure::protocol("invalid message format")
}

/// What is left of a body.
struct Body(Bytes);

impl Body {
    fn take(&mut self, length: usize) -> Result<Bytes, Failure> {
        if length > self.0.len() { Err(malformed()) } else { Ok(self.0.split_to(length)) }
    }

    fn string(&mut self) -> Result<String, Failure> {
        let end = self.0.iter().position(|byte| *byte == 0).ok_or_else(malformed)?;
        let bytes = self.0.split_to(end);
        self.0.advance(1);
        Ok(utf8(&bytes)?.to_owned())
    }

    fn u32(&mut self) -> Result<u32, Failure> {
        self.0.try_get_u32().map_err(|_| malformed())
    }

    fn count(&mut self) -> Result<usize, Failure> {
        self.0.try_get_u16().map(usize::from).map_err(|_| malformed())
    }

    fn formats(&mut self) -> Result<Vec<i16>, Failure> {
        let count = self.count()?;
        (0..count).map(|_| self.0.try_get_i16().map_err(|_| malformed())).collect()
    }

    fn target(&mut self, message: &str) -> Result<Target, Failure> {
        match self.0.try_get_u8() {
            Ok(b'S') => Ok(Target::Statement(self.string()?)),
            Ok(b'P') => Ok(Target::Portal(self.string()?)),
            Ok(other) => {
                Err(Failure::protocol(format!("invalid {message} message subtype {other}")))
            }
            Err(_) => Err(malformed()),
        }
    }
}
