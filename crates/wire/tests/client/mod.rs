//! A client that speaks the protocol byte by byte, driven by scripts.
//!
//! Sending: `query` (reads to the end of its answer), `send` (does not), `parse`, `bind`, `describe`, `execute`, `close`, `flush`, `sync`, `copydata`,
//! `copydone`, `copyfail`, `terminate`, `raw`. Receiving: `until Z` reads up to and with a message
//! of that type, `eof` expects the end. `connect` opens another connection in place of the first.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::error::Error;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use goldenscript::{Command, Runner};

/// A test that waits longer has failed.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

pub(crate) struct Client {
    pub(crate) socket: TcpStream,
    pub(crate) key: (i32, i32),
}

/// A message from the server.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) kind: u8,
    pub(crate) body: Vec<u8>,
}

pub(crate) fn frame(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![kind];
    out.extend_from_slice(&(body.len() as u32 + 4).to_be_bytes());
    out.extend_from_slice(body);
    out
}

fn string(text: &str) -> Vec<u8> {
    [text.as_bytes(), &[0]].concat()
}

pub(crate) fn startup(version: i32, parameters: &[(&str, &str)]) -> Vec<u8> {
    let mut body = version.to_be_bytes().to_vec();
    for (name, value) in parameters {
        body.extend(string(name));
        body.extend(string(value));
    }
    body.push(0);
    [&(body.len() as u32 + 4).to_be_bytes()[..], &body].concat()
}

impl Client {
    pub(crate) fn open(address: &str) -> Self {
        let socket = TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(READ_TIMEOUT)).unwrap();
        socket.set_nodelay(true).unwrap();
        Self { socket, key: (0, 0) }
    }

    /// Connected and ready.
    pub(crate) fn connect(address: &str) -> Self {
        let mut client = Self::open(address);
        let parameters = [("user", "postgres"), ("database", "postgres")];
        client.send(&startup(3 << 16, &parameters));
        for message in client.until(b'Z') {
            assert_ne!(message.kind, b'E', "{}", message.render());
            if message.kind == b'K' {
                let field =
                    |at: usize| i32::from_be_bytes(message.body[at..at + 4].try_into().unwrap());
                client.key = (field(0), field(4));
            }
        }
        client
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).unwrap();
    }

    pub(crate) fn query(&mut self, text: &str) {
        self.send(&frame(b'Q', &string(text)));
    }

    pub(crate) fn read(&mut self) -> Option<Message> {
        let mut header = [0; 5];
        match self.socket.read_exact(&mut header) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => panic!("no answer"),
            Err(_) => return None,
        }
        let length = u32::from_be_bytes(header[1..].try_into().unwrap()) as usize - 4;
        let mut body = vec![0; length];
        self.socket.read_exact(&mut body).unwrap();
        Some(Message { kind: header[0], body })
    }

    pub(crate) fn until(&mut self, kind: u8) -> Vec<Message> {
        let mut messages = Vec::new();
        while let Some(message) = self.read() {
            let is_last = message.kind == kind;
            messages.push(message);
            if is_last {
                break;
            }
        }
        messages
    }

    /// The answers to a query string, as text.
    pub(crate) fn ask(&mut self, text: &str) -> String {
        self.query(text);
        render(&self.until(b'Z'))
    }

    pub(crate) fn cancel(address: &str, key: (i32, i32)) {
        let mut client = Self::open(address);
        let mut packet = 16_u32.to_be_bytes().to_vec();
        for field in [80_877_102, key.0, key.1] {
            packet.extend_from_slice(&i32::to_be_bytes(field));
        }
        client.send(&packet);
        assert!(client.read().is_none(), "a cancel request gets no answer");
    }
}

pub(crate) fn render(messages: &[Message]) -> String {
    messages.iter().map(|message| message.render() + "\n").collect()
}

struct Body<'a>(&'a [u8]);

impl Body<'_> {
    fn string(&mut self) -> String {
        let end = self.0.iter().position(|byte| *byte == 0).unwrap();
        let text = String::from_utf8_lossy(&self.0[..end]).into_owned();
        self.0 = &self.0[end + 1..];
        text
    }
    fn i16(&mut self) -> i16 {
        let (value, rest) = self.0.split_first_chunk::<2>().unwrap();
        self.0 = rest;
        i16::from_be_bytes(*value)
    }
    fn i32(&mut self) -> i32 {
        let (value, rest) = self.0.split_first_chunk::<4>().unwrap();
        self.0 = rest;
        i32::from_be_bytes(*value)
    }
    fn bytes(&mut self, length: usize) -> String {
        let (value, rest) = self.0.split_at(length);
        self.0 = rest;
        let printable = value.iter().all(|byte| (0x20..0x7f).contains(byte));
        match std::str::from_utf8(value) {
            Ok(text) if printable => format!("\"{text}\""),
            _ => format!("x{}", value.iter().map(|byte| format!("{byte:02x}")).collect::<String>()),
        }
    }
}

impl Message {
    pub(crate) fn render(&self) -> String {
        let mut body = Body(&self.body);
        match self.kind {
            b'R' => format!("Authentication {}", body.i32()),
            b'S' => format!("ParameterStatus {}={}", body.string(), body.string()),
            b'K' => "BackendKeyData".into(),
            b'Z' => format!("ReadyForQuery {}", char::from(self.body[0])),
            b'C' => format!("CommandComplete {}", body.string()),
            b'I' => "EmptyQueryResponse".into(),
            b'1' => "ParseComplete".into(),
            b'2' => "BindComplete".into(),
            b'3' => "CloseComplete".into(),
            b'n' => "NoData".into(),
            b's' => "PortalSuspended".into(),
            b'c' => "CopyDone".into(),
            b'd' => format!("CopyData {}", body.bytes(self.body.len())),
            b'G' | b'H' => {
                let kind = if self.kind == b'G' { "CopyInResponse" } else { "CopyOutResponse" };
                let format = self.body[0];
                body.0 = &body.0[1..];
                format!("{kind} format={format} columns={}", body.i16())
            }
            b'v' => format!("NegotiateProtocolVersion {} options={}", body.i32(), body.i32()),
            b't' => {
                let count = body.i16();
                let oids: Vec<String> = (0..count).map(|_| body.i32().to_string()).collect();
                format!("ParameterDescription {}", oids.join(" ")).trim_end().to_owned()
            }
            b'T' => {
                let count = body.i16();
                let mut out = "RowDescription".to_owned();
                for _ in 0..count {
                    let name = body.string();
                    let (_, _) = (body.i32(), body.i16());
                    let (oid, length, typmod, format) =
                        (body.i32(), body.i16(), body.i32(), body.i16());
                    write!(out, " {name}:{oid}/{length}/{typmod}/{format}").unwrap();
                }
                out
            }
            b'D' => {
                let count = body.i16();
                let mut out = "DataRow".to_owned();
                for _ in 0..count {
                    match body.i32() {
                        -1 => out.push_str(" NULL"),
                        length => write!(out, " {}", body.bytes(length as usize)).unwrap(),
                    }
                }
                out
            }
            b'E' | b'N' => {
                let mut out = if self.kind == b'E' { "Error" } else { "Notice" }.to_owned();
                while body.0[0] != 0 {
                    let code = body.0[0];
                    body.0 = &body.0[1..];
                    let text = body.string();
                    match code {
                        b'S' | b'C' | b'M' => write!(out, " {text}").unwrap(),
                        b'D' | b'H' | b'P' | b'W' => {
                            write!(out, " | {}: {text}", char::from(code)).unwrap();
                        }
                        _ => {}
                    }
                }
                out
            }
            other => format!("{} {:?}", char::from(other), self.body),
        }
    }
}

pub(crate) struct ScriptRunner {
    address: String,
    client: Client,
}

impl ScriptRunner {
    pub(crate) fn new(address: &str) -> Self {
        Self { address: address.to_owned(), client: Client::connect(address) }
    }
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| c.to_digit(16).unwrap() as u8)
        .collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// `NULL`, `xHEX` or text.
fn value(text: &str) -> Vec<u8> {
    match text.strip_prefix("0x") {
        Some(digits) => hex(digits),
        None => text.as_bytes().to_vec(),
    }
}

fn formats(text: &str) -> Vec<u8> {
    let formats: Vec<i16> =
        text.split(',').filter(|f| !f.is_empty()).map(|f| f.parse().unwrap()).collect();
    let mut out = (formats.len() as i16).to_be_bytes().to_vec();
    formats.iter().for_each(|format| out.extend_from_slice(&format.to_be_bytes()));
    out
}

impl Runner for ScriptRunner {
    #[expect(clippy::too_many_lines, reason = "one short arm per command")]
    fn run(&mut self, command: &Command) -> Result<String, Box<dyn Error>> {
        let mut args = command.consume_args();
        let mut key = |name: &str| -> String {
            args.lookup(name).map(|argument| argument.value.clone()).unwrap_or_default()
        };
        let mut out = String::new();
        match command.name.as_str() {
            "query" => {
                let text = args.next_pos().map(|a| a.value.clone()).unwrap_or_default();
                out = self.client.ask(&text);
            }
            "send" => {
                let text = args.next_pos().map(|a| a.value.clone()).unwrap_or_default();
                self.client.query(&text);
            }
            "parse" => {
                let (name, oids) = (key("name"), key("oids"));
                let text = args.next_pos().map(|a| a.value.clone()).unwrap_or_default();
                let mut body = [string(&name), string(&text)].concat();
                let oids: Vec<u32> =
                    oids.split(',').filter(|o| !o.is_empty()).map(|o| o.parse().unwrap()).collect();
                body.extend_from_slice(&(oids.len() as i16).to_be_bytes());
                oids.iter().for_each(|oid| body.extend_from_slice(&oid.to_be_bytes()));
                self.client.send(&frame(b'P', &body));
            }
            "bind" => {
                let mut body = [string(&key("portal")), string(&key("statement"))].concat();
                body.extend(formats(&key("pfmt")));
                let rfmt = formats(&key("rfmt"));
                let values = args.rest_pos();
                body.extend_from_slice(&(values.len() as i16).to_be_bytes());
                for argument in values {
                    if argument.value == "NULL" {
                        body.extend_from_slice(&(-1_i32).to_be_bytes());
                    } else {
                        let value = value(&argument.value);
                        body.extend_from_slice(&(value.len() as i32).to_be_bytes());
                        body.extend(value);
                    }
                }
                body.extend(rfmt);
                self.client.send(&frame(b'B', &body));
            }
            name @ ("describe" | "close") => {
                let (statement, portal) = (args.lookup("statement"), args.lookup("portal"));
                let (target, name_of) = match (statement, portal) {
                    (Some(name), _) => (b'S', name.value.as_str()),
                    (_, Some(name)) => (b'P', name.value.as_str()),
                    _ => return Err("statement= or portal=".into()),
                };
                let body = [&[target][..], &string(name_of)].concat();
                self.client.send(&frame(if name == "describe" { b'D' } else { b'C' }, &body));
            }
            "execute" => {
                let (portal, max) = (key("portal"), key("max"));
                let max: i32 = if max.is_empty() { 0 } else { max.parse()? };
                let body = [&string(&portal)[..], &max.to_be_bytes()].concat();
                self.client.send(&frame(b'E', &body));
            }
            "flush" => self.client.send(&frame(b'H', &[])),
            "sync" => self.client.send(&frame(b'S', &[])),
            "copydone" => self.client.send(&frame(b'c', &[])),
            "terminate" => self.client.send(&frame(b'X', &[])),
            "copydata" => {
                let data = args.next_pos().map(|a| value(&a.value)).unwrap_or_default();
                self.client.send(&frame(b'd', &data));
            }
            "copyfail" => {
                let text = args.next_pos().map(|a| a.value.clone()).unwrap_or_default();
                self.client.send(&frame(b'f', &string(&text)));
            }
            "raw" => {
                let bytes: Vec<u8> = args.rest_pos().iter().flat_map(|a| hex(&a.value)).collect();
                self.client.send(&bytes);
            }
            "until" => {
                let kind = args.next_pos().ok_or("which message?")?.value.as_bytes()[0];
                out = render(&self.client.until(kind));
            }
            "eof" => {
                while let Some(message) = self.client.read() {
                    writeln!(out, "{}", message.render())?;
                }
                out.push_str("end of connection\n");
            }
            "connect" => {
                let version = match key("version").as_str() {
                    "" => 3 << 16,
                    text => {
                        let (major, minor) = text.split_once('.').unwrap();
                        major.parse::<i32>()? << 16 | minor.parse::<i32>()?
                    }
                };
                self.client = Client::open(&self.address);
                let parameters: Vec<(String, String)> = args
                    .rest_key()
                    .iter()
                    .map(|a| (a.key.clone().unwrap(), a.value.clone()))
                    .collect();
                let parameters: Vec<(&str, &str)> = parameters
                    .iter()
                    .map(|(name, value)| (name.as_str(), value.as_str()))
                    .collect();
                self.client.send(&startup(version, &parameters));
            }
            "reconnect" => self.client = Client::connect(&self.address),
            "bytes" => {
                let count = args.next_pos().ok_or("how many?")?.parse::<usize>()?;
                let mut bytes = vec![0; count];
                self.client.socket.read_exact(&mut bytes)?;
                writeln!(out, "{:?}", String::from_utf8_lossy(&bytes))?;
            }
            "open" => self.client = Client::open(&self.address),
            other => return Err(format!("unknown command {other}").into()),
        }
        args.reject_rest()?;
        Ok(out)
    }
}
