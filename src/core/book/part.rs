//! The XML of one part of a workbook as a stream of tags and texts.
//! Must stay true: a tag or a text is at most a megabyte; a document type is refused, so that no entity can be defined.

use std::cell::Cell;
use std::io::{self, BufReader, Read};
use std::rc::Rc;

use quick_xml::XmlVersion;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesStart, Event};

use super::BookError;
use crate::core::unzip::ZipError;

/// Bytes of one tag, or one run of text.
const TOKEN_BYTES_MAX: usize = 1 << 20;
/// Attributes of one tag.
const ATTRIBUTES_MAX: usize = 64;

/// A tag with its attributes, without the prefixes of their names.
#[derive(Debug)]
pub(super) struct Tag {
    pub name: String,
    attributes: Vec<(String, String)>,
}

impl Tag {
    /// The value of an attribute.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// What stands next in a part.
#[derive(Debug)]
pub(super) enum Token {
    Open(Tag),
    Text(String),
    Close(String),
}

/// Counts what is read for one token.
struct Bounded<'a> {
    from: Box<dyn Read + 'a>,
    since: Rc<Cell<usize>>,
}

impl Read for Bounded<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = self.from.read(out)?;
        self.since.set(self.since.get() + n);
        if self.since.get() > TOKEN_BYTES_MAX { Err(io::Error::other(ZipError::TooLarge)) } else { Ok(n) }
    }
}

/// A part that is being read.
pub(super) struct Part<'a> {
    reader: quick_xml::Reader<BufReader<Bounded<'a>>>,
    buffer: Vec<u8>,
    since: Rc<Cell<usize>>,
    /// A tag that closes itself is given as two.
    closes: Option<String>,
}

impl<'a> Part<'a> {
    pub fn new(from: Box<dyn Read + 'a>) -> Self {
        let since = Rc::new(Cell::new(0));
        let reader = quick_xml::Reader::from_reader(BufReader::new(Bounded { from, since: since.clone() }));
        Self { reader, buffer: Vec::new(), since, closes: None }
    }

    /// The next token; none at the end.
    pub fn next(&mut self) -> Result<Option<Token>, BookError> {
        if let Some(name) = self.closes.take() {
            return Ok(Some(Token::Close(name)));
        }
        loop {
            self.buffer.clear();
            self.since.set(0);
            let event = self.reader.read_event_into(&mut self.buffer).map_err(|error| match error {
                quick_xml::Error::Io(error) => BookError::Zip(ZipError::of(&error)),
                _ => BookError::Broken,
            })?;
            match event {
                Event::Start(tag) => return Ok(Some(Token::Open(tag_of(&tag)?))),
                Event::Empty(tag) => {
                    let tag = tag_of(&tag)?;
                    self.closes = Some(tag.name.clone());
                    return Ok(Some(Token::Open(tag)));
                }
                Event::End(tag) => return Ok(Some(Token::Close(tag.local_name().as_ref().to_owned()))),
                Event::Text(text) => return Ok(Some(Token::Text(text.xml10_content().into_owned()))),
                Event::CData(text) => return Ok(Some(Token::Text(text.xml10_content().into_owned()))),
                Event::GeneralRef(name) => {
                    let character = name.resolve_char_ref().map_err(|_| BookError::Broken)?;
                    let text = match character {
                        Some(c) => c.to_string(),
                        None => resolve_xml_entity(&name.xml10_content()).ok_or(BookError::Broken)?.to_owned(),
                    };
                    return Ok(Some(Token::Text(text)));
                }
                Event::DocType(_) => return Err(BookError::Broken),
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
                Event::Eof => return Ok(None),
            }
        }
    }
}

fn tag_of(tag: &BytesStart<'_>) -> Result<Tag, BookError> {
    let mut attributes = Vec::new();
    for attribute in tag.attributes() {
        let attribute = attribute.map_err(|_| BookError::Broken)?;
        if attributes.len() >= ATTRIBUTES_MAX {
            return Err(BookError::Broken);
        }
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|_| BookError::Broken)?;
        attributes.push((attribute.key.local_name().as_ref().to_owned(), value.into_owned()));
    }
    Ok(Tag { name: tag.local_name().as_ref().to_owned(), attributes })
}
