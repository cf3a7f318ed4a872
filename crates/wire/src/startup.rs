//! From the first byte of a connection to its first ReadyForQuery.

use std::net::SocketAddr;

use bytes::{Buf, BytesMut};
use kappa_types::text::utf8;
use kappa_types::{SqlError, SqlState};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::backend::Startup;
use crate::cancel::{CancelKey, ConnectionHandle};
use crate::failure::Failure;

/// Bytes of a startup message, as in PostgreSQL.
const STARTUP_SIZE_BYTES_MAX: usize = 10_000;
/// Requests for encryption before the startup message: one of each kind.
const ENCRYPTION_REQUEST_COUNT_MAX: usize = 2;
/// Protocol 3.0.
const PROTOCOL_3_0: i32 = 3 << 16;
const CANCEL_REQUEST: i32 = 80_877_102;
const SSL_REQUEST: i32 = 80_877_103;
const GSS_REQUEST: i32 = 80_877_104;
/// Parameters with this prefix are protocol options, of which 3.0 knows none.
const PROTOCOL_OPTION_PREFIX: &str = "_pq_.";

/// What a new connection is for.
#[derive(Debug)]
pub(crate) enum Request {
    /// To cancel a statement of another connection.
    Cancel(CancelKey),
    /// To work.
    Session {
        /// What the client says.
        startup: Startup,
        /// Protocol options that the client must be told are not known, and whether the minor
        /// version must be told down.
        negotiate: Option<Vec<String>>,
        /// Bytes that came behind the startup message.
        rest: BytesMut,
    },
}

/// The version offered to clients that ask for a newer one.
pub(crate) const NEWEST_PROTOCOL: i32 = PROTOCOL_3_0;

/// Reads what the client wants. Encryption is declined for now: the answer is `N`.
pub(crate) async fn negotiate(
    socket: &mut TcpStream,
    peer: SocketAddr,
    handle: ConnectionHandle,
) -> Result<Request, Failure> {
    let mut buffer = BytesMut::with_capacity(1024);
    for _ in 0..=ENCRYPTION_REQUEST_COUNT_MAX {
        let mut packet = read_packet(socket, &mut buffer).await?;
        match packet.get_i32() {
            SSL_REQUEST | GSS_REQUEST => socket.write_all(b"N").await?,
            CANCEL_REQUEST if packet.len() == 8 => {
                return Ok(Request::Cancel(CancelKey {
                    process_id: packet.get_i32(),
                    secret: packet.get_i32(),
                }));
            }
            version if version >> 16 == 3 => {
                let (startup, unknown) = read_startup(&packet, peer, handle)?;
                let negotiate = (version != PROTOCOL_3_0 || !unknown.is_empty()).then_some(unknown);
                return Ok(Request::Session { startup, negotiate, rest: buffer });
            }
            version => {
                return Err(Failure::fatal(
                    SqlState::FeatureNotSupported,
                    format!(
                        "unsupported frontend protocol {}.{}: server supports 3.0 to 3.0",
                        version >> 16,
                        version & 0xffff
                    ),
                ));
            }
        }
    }
    Err(Failure::fatal(SqlState::ProtocolViolation, "too many requests for encryption"))
}

/// A packet of a length and a body of at least 4 bytes.
async fn read_packet(socket: &mut TcpStream, buffer: &mut BytesMut) -> Result<BytesMut, Failure> {
    loop {
        if let Some(length) = buffer.first_chunk::<4>() {
            let length = u32::from_be_bytes(*length) as usize;
            if !(8..=STARTUP_SIZE_BYTES_MAX).contains(&length) {
                return Err(Failure::fatal(
                    SqlState::ProtocolViolation,
                    "invalid length of startup packet",
                ));
            }
            if buffer.len() >= length {
                let mut packet = buffer.split_to(length);
                packet.advance(4);
                return Ok(packet);
            }
        }
        if socket.read_buf(buffer).await? == 0 {
            return Err(Failure::Disconnected);
        }
    }
}

/// The parameters, and the protocol options among them.
fn read_startup(
    body: &[u8],
    peer: SocketAddr,
    handle: ConnectionHandle,
) -> Result<(Startup, Vec<String>), Failure> {
    let malformed = || {
        Failure::fatal(
            SqlState::ProtocolViolation,
            "invalid startup packet layout: expected terminator as last byte",
        )
    };
    let body = body.strip_suffix(&[0]).ok_or_else(malformed)?;
    let mut strings = Vec::new();
    for text in body.split(|byte| *byte == 0) {
        strings.push(utf8(text).map_err(|error| Failure::Fatal(Box::new(error)))?);
    }
    // Each string has its own terminator, so the last piece is empty.
    if strings.pop() != Some("") && !body.is_empty() {
        return Err(malformed());
    }
    let (mut user, mut database, mut options) = (None, None, None);
    let (mut parameters, mut unknown) = (Vec::new(), Vec::new());
    for pair in strings.chunks(2) {
        let [name, value] = pair else { return Err(malformed()) };
        match *name {
            "user" => user = Some((*value).to_owned()),
            "database" => database = Some((*value).to_owned()),
            "options" => options = Some(*value),
            name if name.starts_with(PROTOCOL_OPTION_PREFIX) => unknown.push(name.to_owned()),
            name => parameters.push((name.to_owned(), (*value).to_owned())),
        }
    }
    if let Some(options) = options {
        parameters.extend(read_options(options).map_err(|error| Failure::Fatal(Box::new(error)))?);
    }
    let user = user.filter(|user| !user.is_empty()).ok_or_else(|| {
        Failure::fatal(
            SqlState::InvalidAuthorizationSpecification,
            "no PostgreSQL user name specified in startup packet",
        )
    })?;
    let database = database.filter(|name| !name.is_empty()).unwrap_or_else(|| user.clone());
    let process_id = handle.process_id();
    Ok((Startup { user, database, parameters, peer, process_id, handle }, unknown))
}

/// `-c name=value` and `--name=value`; a backslash takes the next character as it is.
fn read_options(options: &str) -> Result<Vec<(String, String)>, SqlError> {
    let mut words = vec![String::new()];
    let mut characters = options.chars();
    while let Some(character) = characters.next() {
        let word = words.last_mut().expect("there is always a word");
        match character {
            '\\' => word.extend(characters.next()),
            space if space.is_ascii_whitespace() => words.push(String::new()),
            other => word.push(other),
        }
    }
    let mut words = words.into_iter().filter(|word| !word.is_empty());
    let mut parameters = Vec::new();
    while let Some(word) = words.next() {
        let setting = match word.strip_prefix("--").or_else(|| word.strip_prefix("-c")) {
            Some("") => words.next(),
            Some(setting) => Some(setting.to_owned()),
            None => None,
        };
        let Some((name, value)) = setting.as_deref().and_then(|setting| setting.split_once('='))
        else {
            return Err(SqlError::new(
                SqlState::SyntaxError,
                format!("invalid command-line argument for server process: {word}"),
            )
            .with_hint("Use -c name=value."));
        };
        parameters.push((name.replace('-', "_"), value.to_owned()));
    }
    Ok(parameters)
}
