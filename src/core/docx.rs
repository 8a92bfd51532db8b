//! A text document as word processors read it (ECMA-376): a title, headings, paragraphs and tables, put together in memory.
//! Must stay true: equal content is equal bytes; nothing in it is a field, a link or a macro, whatever the texts hold.

use super::zip::Zip;

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";
const TYPES: &str = "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"><Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/><Default Extension=\"xml\" ContentType=\"application/xml\"/><Override PartName=\"/word/document.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml\"/><Override PartName=\"/word/styles.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.wordprocessingml.styles+xml\"/><Override PartName=\"/docProps/core.xml\" ContentType=\"application/vnd.openxmlformats-package.core-properties+xml\"/></Types>";
const RELATIONS: &str = "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"><Relationship Id=\"rId1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument\" Target=\"word/document.xml\"/><Relationship Id=\"rId2\" Type=\"http://schemas.openxmlformats.org/package/2006/relationships/metadata/core-properties\" Target=\"docProps/core.xml\"/></Relationships>";
const DOCUMENT_RELATIONS: &str = "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"><Relationship Id=\"rId1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles\" Target=\"styles.xml\"/></Relationships>";
const DOCUMENT: &str = "<w:document xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\"><w:body>";
/// A4 with margins of two centimetres, in twentieths of a point.
const DOCUMENT_END: &str = "<w:sectPr><w:pgSz w:w=\"11906\" w:h=\"16838\"/><w:pgMar w:top=\"1134\" w:right=\"1134\" w:bottom=\"1134\" w:left=\"1134\" w:header=\"567\" w:footer=\"567\" w:gutter=\"0\"/></w:sectPr></w:body></w:document>";
/// Between the margins.
const WIDTH: usize = 9638;

/// Each style: its id, its name, its size in half points, whether it is bold, its level among headings.
const STYLES: [(&str, &str, u32, bool, Option<u32>); 6] = [
    ("Normal", "Normal", 20, false, None),
    ("Title", "Title", 40, true, None),
    ("Heading1", "heading 1", 30, true, Some(0)),
    ("Heading2", "heading 2", 24, true, Some(1)),
    ("Heading3", "heading 3", 21, true, Some(2)),
    ("Quiet", "Quiet", 17, false, None),
];

/// A heading's level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Of a part.
    One,
    /// Of a section.
    Two,
    /// Below that.
    Three,
}

/// A document in the making.
#[derive(Debug)]
pub struct Docx {
    title: String,
    body: String,
}

impl Docx {
    /// A document that begins with its title.
    #[must_use]
    pub fn new(title: &str) -> Self {
        let mut docx = Self { title: title.to_owned(), body: String::new() };
        docx.styled("Title", title);
        docx
    }

    /// A heading.
    pub fn heading(&mut self, level: Level, text: &str) {
        let style = match level {
            Level::One => "Heading1",
            Level::Two => "Heading2",
            Level::Three => "Heading3",
        };
        self.styled(style, text);
    }

    /// A paragraph; line breaks stay. An empty one is left out.
    pub fn paragraph(&mut self, text: &str) {
        if !text.trim().is_empty() {
            self.styled("Normal", text);
        }
    }

    /// A paragraph in small letters.
    pub fn quiet(&mut self, text: &str) {
        if !text.trim().is_empty() {
            self.styled("Quiet", text);
        }
    }

    /// A table whose first row names its columns on every page. One without rows is left out.
    pub fn table<const N: usize>(&mut self, heads: [&str; N], rows: impl IntoIterator<Item = [String; N]>) {
        let mut rows = rows.into_iter().peekable();
        if rows.peek().is_none() {
            return;
        }
        self.table_begin(N);
        self.row(&heads, true);
        for row in rows {
            self.row(&row.each_ref().map(String::as_str), false);
        }
        self.table_end();
    }

    /// A table of names and what they are, without a row above. What is empty is left out.
    pub fn facts(&mut self, facts: &[(&str, &str)]) {
        let mut there = facts.iter().filter(|(_, text)| !text.trim().is_empty()).peekable();
        if there.peek().is_none() {
            return;
        }
        self.table_begin(2);
        for (name, text) in there {
            self.row(&[name, text], false);
        }
        self.table_end();
    }

    fn table_begin(&mut self, columns: usize) {
        self.body.push_str("<w:tbl><w:tblPr><w:tblW w:w=\"5000\" w:type=\"pct\"/><w:tblBorders>");
        for side in ["top", "left", "bottom", "right", "insideH", "insideV"] {
            self.body.push_str(&format!("<w:{side} w:val=\"single\" w:sz=\"4\" w:space=\"0\" w:color=\"999999\"/>"));
        }
        self.body.push_str("</w:tblBorders></w:tblPr><w:tblGrid>");
        for _ in 0..columns {
            self.body.push_str(&format!("<w:gridCol w:w=\"{}\"/>", WIDTH / columns.max(1)));
        }
        self.body.push_str("</w:tblGrid>");
    }

    /// A paragraph has to stand behind a table.
    fn table_end(&mut self) {
        self.body.push_str("</w:tbl><w:p/>");
    }

    fn row(&mut self, cells: &[&str], is_head: bool) {
        self.body.push_str(if is_head { "<w:tr><w:trPr><w:tblHeader/></w:trPr>" } else { "<w:tr>" });
        for cell in cells {
            self.body.push_str("<w:tc><w:tcPr><w:tcW w:w=\"0\" w:type=\"auto\"/></w:tcPr><w:p>");
            self.run(cell, is_head);
            self.body.push_str("</w:p></w:tc>");
        }
        self.body.push_str("</w:tr>");
    }

    fn styled(&mut self, style: &str, text: &str) {
        self.body.push_str(&format!("<w:p><w:pPr><w:pStyle w:val=\"{style}\"/></w:pPr>"));
        self.run(text, false);
        self.body.push_str("</w:p>");
    }

    fn run(&mut self, text: &str, is_bold: bool) {
        self.body.push_str(if is_bold { "<w:r><w:rPr><w:b/></w:rPr>" } else { "<w:r>" });
        for (n, line) in text.lines().enumerate() {
            if n > 0 {
                self.body.push_str("<w:br/>");
            }
            self.body.push_str("<w:t xml:space=\"preserve\">");
            escape(line, &mut self.body);
            self.body.push_str("</w:t>");
        }
        self.body.push_str("</w:r>");
    }

    /// The file.
    #[must_use]
    pub fn end(self) -> Vec<u8> {
        let mut title = String::new();
        escape(&self.title, &mut title);
        let core = format!(
            "<cp:coreProperties xmlns:cp=\"http://schemas.openxmlformats.org/package/2006/metadata/core-properties\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\"><dc:title>{title}</dc:title></cp:coreProperties>"
        );
        let document = format!("{DOCUMENT}{}{DOCUMENT_END}", self.body);
        let styles = styles();
        let parts = [
            ("[Content_Types].xml", TYPES),
            ("_rels/.rels", RELATIONS),
            ("word/document.xml", document.as_str()),
            ("word/_rels/document.xml.rels", DOCUMENT_RELATIONS),
            ("word/styles.xml", styles.as_str()),
            ("docProps/core.xml", core.as_str()),
        ];
        let (mut zip, mut out) = (Zip::default(), Vec::new());
        for (path, text) in parts {
            out.extend(zip.file(path, format!("{HEAD}{text}").as_bytes()));
        }
        out.extend(zip.end());
        out
    }
}

fn styles() -> String {
    let mut out = String::from("<w:styles xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\">");
    for (id, name, size, is_bold, level) in STYLES {
        let is_default = if id == "Normal" { " w:default=\"1\"" } else { "" };
        let based = if id == "Normal" { "" } else { "<w:basedOn w:val=\"Normal\"/><w:next w:val=\"Normal\"/>" };
        let level = level.map_or_else(String::new, |l| format!("<w:keepNext/><w:spacing w:before=\"240\" w:after=\"80\"/><w:outlineLvl w:val=\"{l}\"/>"));
        let level = if level.is_empty() { "<w:spacing w:after=\"120\"/>".to_owned() } else { level };
        let bold = if is_bold { "<w:b/>" } else { "" };
        out.push_str(&format!(
            "<w:style w:type=\"paragraph\"{is_default} w:styleId=\"{id}\"><w:name w:val=\"{name}\"/>{based}<w:qFormat/><w:pPr>{level}</w:pPr><w:rPr><w:rFonts w:ascii=\"Calibri\" w:hAnsi=\"Calibri\"/>{bold}<w:sz w:val=\"{size}\"/></w:rPr></w:style>"
        ));
    }
    out + "</w:styles>"
}

/// Text of an element: what XML cannot hold is left out.
fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\t' => out.push(c),
            c if c < ' ' || matches!(c, '\u{FFFE}' | '\u{FFFF}') => {}
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written() -> Vec<u8> {
        let mut docx = Docx::new("A <plan> & more");
        docx.heading(Level::One, "Part");
        docx.heading(Level::Two, "3.1.1 Users");
        docx.paragraph("one\ntwo \u{0}\u{7}& <w:p/>");
        docx.paragraph("  ");
        docx.heading(Level::Three, "Below");
        docx.quiet("small");
        docx.table(["Id", "Finding"], [["3.1.1[a]".to_owned(), "Met".to_owned()]]);
        docx.table(["None"], std::iter::empty::<[String; 1]>());
        docx.facts(&[("Scope", "Two sites."), ("Nothing", "")]);
        docx.end()
    }

    #[test]
    fn equal_content_is_equal_bytes() {
        assert_eq!(written(), written());
        assert_ne!(written(), Docx::new("A").end());
    }

    /// A program that is not ours reads the archive, the XML, the headings and the tables.
    #[test]
    fn headings_and_tables_are_real_ones() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("a.docx");
        std::fs::write(&path, written()).expect("written");
        let script = "import sys,zipfile,xml.etree.ElementTree as e\nz=zipfile.ZipFile(sys.argv[1])\nassert z.testzip() is None\n[e.fromstring(z.read(n)) for n in z.namelist()]\nw='{http://schemas.openxmlformats.org/wordprocessingml/2006/main}'\nb=e.fromstring(z.read('word/document.xml'))[0]\ns={x.get(w+'styleId') for x in e.fromstring(z.read('word/styles.xml'))}\nfor p in b.findall(w+'p'):\n  y=p.find(w+'pPr/'+w+'pStyle')\n  if y is not None:\n    assert y.get(w+'val') in s\n    print(y.get(w+'val'), '/'.join(t.text for t in p.iter(w+'t')))\nfor t in b.findall(w+'tbl'): print([[''.join(x.text for x in c.iter(w+'t')) for c in r.findall(w+'tc')] for r in t.findall(w+'tr')])";
        let out = std::process::Command::new("python3").args(["-c", script]).arg(&path).output().expect("python3 runs");
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        let expected = "Title A <plan> & more\nHeading1 Part\nHeading2 3.1.1 Users\nNormal one/two & <w:p/>\nHeading3 Below\nQuiet small\n[['Id', 'Finding'], ['3.1.1[a]', 'Met']]\n[['Scope', 'Two sites.']]\n";
        assert_eq!(String::from_utf8(out.stdout).expect("UTF-8"), expected);
    }

    #[test]
    fn a_word_processor_opens_it_where_one_is_installed() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("a.docx");
        std::fs::write(&path, written()).expect("written");
        let profile = format!("-env:UserInstallation=file://{}/profile", dir.path().display());
        let out = std::process::Command::new("soffice")
            .args([profile.as_str(), "--headless", "--convert-to", "txt:Text", "--outdir"])
            .arg(dir.path())
            .arg(&path)
            .output();
        let Ok(out) = out else {
            println!("skipped: there is no `soffice`");
            return;
        };
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        let text = std::fs::read_to_string(dir.path().join("a.txt")).expect("converted");
        assert!(text.contains("3.1.1 Users") && text.contains("Two sites."), "{text}");
    }
}
