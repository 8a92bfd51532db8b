//! Just enough HTTP/1.1 to ask and to read an answer whole: keep-alive, Content-Length, chunked,
//! and bodies that end with the connection. Every buffer has an upper bound.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const HEAD_BYTES_MAX: usize = 64 * 1024;
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;
const READ_BYTES: usize = 16 * 1024;

/// What came back.
#[derive(Debug, Clone, Copy)]
pub struct Answer {
    pub status: u16,
    pub body_bytes: usize,
}

/// Why nothing usable came back. `untouched`: not one byte of an answer had arrived, as when the
/// server closed an idle connection; an idempotent request may then be sent again.
#[derive(Debug)]
pub struct Failed {
    pub untouched: bool,
}

/// One keep-alive connection, opened when first needed and again after the server closed it.
#[derive(Debug)]
pub struct Connection {
    address: SocketAddr,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
    head_only: bool,
}

impl Connection {
    pub fn new(address: SocketAddr, head_only: bool) -> Self {
        Self {
            address,
            stream: None,
            buffer: Vec::with_capacity(READ_BYTES),
            head_only,
        }
    }

    pub fn is_open(&self) -> bool {
        self.stream.is_some()
    }

    pub fn close(&mut self) {
        self.stream = None;
        self.buffer.clear();
    }

    pub async fn exchange(&mut self, request: &[u8]) -> Result<Answer, Failed> {
        let outcome = self.try_exchange(request).await;
        outcome.map_err(|_| {
            let untouched = self.buffer.is_empty();
            self.close();
            Failed { untouched }
        })
    }

    async fn try_exchange(&mut self, request: &[u8]) -> io::Result<Answer> {
        self.buffer.clear();
        if self.stream.is_none() {
            let stream = TcpStream::connect(self.address).await?;
            stream.set_nodelay(true)?;
            self.stream = Some(stream);
        }
        self.stream()?.write_all(request).await?;
        loop {
            let end = self.read_head().await?;
            let head = Head::parse(&self.buffer[..end])?;
            self.buffer.drain(..end);
            if (100..200).contains(&head.status) {
                continue;
            }
            let body_bytes = self.read_body(&head).await?;
            if head.close {
                self.close();
            }
            return Ok(Answer {
                status: head.status,
                body_bytes,
            });
        }
    }

    fn stream(&mut self) -> io::Result<&mut TcpStream> {
        self.stream
            .as_mut()
            .ok_or_else(|| ErrorKind::NotConnected.into())
    }

    /// Reads once; false at the end of the stream.
    async fn fill(&mut self) -> io::Result<bool> {
        self.buffer.reserve(READ_BYTES);
        let stream = self.stream.as_mut().ok_or(ErrorKind::NotConnected)?;
        Ok(stream.read_buf(&mut self.buffer).await? > 0)
    }

    async fn fill_or_fail(&mut self) -> io::Result<()> {
        if self.fill().await? {
            Ok(())
        } else {
            Err(ErrorKind::UnexpectedEof.into())
        }
    }

    async fn read_head(&mut self) -> io::Result<usize> {
        loop {
            if let Some(at) = find(&self.buffer, b"\r\n\r\n") {
                return Ok(at + 4);
            }
            if self.buffer.len() > HEAD_BYTES_MAX {
                return Err(ErrorKind::InvalidData.into());
            }
            self.fill_or_fail().await?;
        }
    }

    async fn read_body(&mut self, head: &Head) -> io::Result<usize> {
        if self.head_only || head.status == 204 || head.status == 304 {
            return Ok(0);
        }
        if head.chunked {
            return self.read_chunked().await;
        }
        if let Some(length) = head.length {
            if length > BODY_BYTES_MAX {
                return Err(ErrorKind::InvalidData.into());
            }
            while self.buffer.len() < length {
                self.fill_or_fail().await?;
            }
            return Ok(length);
        }
        while self.fill().await? {
            if self.buffer.len() > BODY_BYTES_MAX {
                return Err(ErrorKind::InvalidData.into());
            }
        }
        let length = self.buffer.len();
        self.close();
        Ok(length)
    }

    async fn read_chunked(&mut self) -> io::Result<usize> {
        let mut total = 0;
        loop {
            let line = self.read_line().await?;
            let digits = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(digits, 16).map_err(|_| ErrorKind::InvalidData)?;
            if total + size > BODY_BYTES_MAX {
                return Err(ErrorKind::InvalidData.into());
            }
            if size == 0 {
                while !self.read_line().await?.is_empty() {}
                return Ok(total);
            }
            while self.buffer.len() < size + 2 {
                self.fill_or_fail().await?;
            }
            if &self.buffer[size..size + 2] != b"\r\n" {
                return Err(ErrorKind::InvalidData.into());
            }
            self.buffer.drain(..size + 2);
            total += size;
        }
    }

    async fn read_line(&mut self) -> io::Result<String> {
        loop {
            if let Some(at) = find(&self.buffer, b"\r\n") {
                let line = String::from_utf8_lossy(&self.buffer[..at]).into_owned();
                self.buffer.drain(..at + 2);
                return Ok(line);
            }
            if self.buffer.len() > HEAD_BYTES_MAX {
                return Err(ErrorKind::InvalidData.into());
            }
            self.fill_or_fail().await?;
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    length: Option<usize>,
    chunked: bool,
    close: bool,
}

impl Head {
    fn parse(bytes: &[u8]) -> io::Result<Self> {
        let text = std::str::from_utf8(bytes).map_err(|_| ErrorKind::InvalidData)?;
        let mut lines = text.split("\r\n");
        let mut first = lines.next().unwrap_or_default().split(' ');
        let version = first.next().unwrap_or_default();
        let status = first
            .next()
            .and_then(|code| code.parse().ok())
            .ok_or(ErrorKind::InvalidData)?;
        let mut head = Self {
            status,
            length: None,
            chunked: false,
            close: version == "HTTP/1.0",
        };
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            let value = value.trim();
            if name.eq_ignore_ascii_case("content-length") {
                head.length = Some(value.parse().map_err(|_| ErrorKind::InvalidData)?);
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                head.chunked = value.eq_ignore_ascii_case("chunked");
            } else if name.eq_ignore_ascii_case("connection") {
                head.close = value.eq_ignore_ascii_case("close");
            }
        }
        Ok(head)
    }
}

fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    hay.windows(needle.len())
        .position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[test]
    fn a_head_is_read_without_regard_to_case() {
        let head = Head::parse(
            b"HTTP/1.1 202 Accepted\r\ncontent-LENGTH: 12\r\nConnection: Close\r\n\r\n",
        )
        .unwrap();
        assert_eq!(
            head,
            Head {
                status: 202,
                length: Some(12),
                chunked: false,
                close: true
            }
        );
    }

    async fn one_answer(bytes: &'static [u8]) -> (Result<Answer, Failed>, bool) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 256];
            let _ = stream.read(&mut request).await.unwrap();
            stream.write_all(bytes).await.unwrap();
        });
        let mut connection = Connection::new(address, false);
        let answer = connection.exchange(b"GET / HTTP/1.1\r\n\r\n").await;
        server.await.unwrap();
        (answer, connection.is_open())
    }

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(future)
    }

    #[test]
    fn a_chunked_body_is_counted_and_the_connection_kept() {
        let (answer, open) = block_on(one_answer(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nb;x=y\r\n hello again\r\n0\r\n\r\n",
        ));
        assert!(
            answer.is_err(),
            "`b` promises 11 bytes and 12 follow: a wrong chunk is refused"
        );
        assert!(!open);
        let (answer, open) = block_on(one_answer(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nc;x=y\r\n hello again\r\n0\r\n\r\n",
        ));
        assert_eq!(answer.unwrap().body_bytes, 17);
        assert!(open);
    }

    #[test]
    fn a_body_without_length_ends_with_the_connection() {
        let (answer, open) = block_on(one_answer(b"HTTP/1.1 200 OK\r\n\r\nhello"));
        assert_eq!(answer.unwrap().body_bytes, 5);
        assert!(!open);
    }

    #[test]
    fn a_connection_closed_before_any_answer_is_untouched() {
        let (answer, _) = block_on(one_answer(b""));
        assert!(answer.unwrap_err().untouched);
        let (answer, _) = block_on(one_answer(b"HTTP/1.1 200 OK\r\nContent-Le"));
        assert!(!answer.unwrap_err().untouched);
    }
}
