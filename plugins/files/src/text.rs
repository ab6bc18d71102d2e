//! Text as editors save it: UTF-8 with or without a byte order mark, UTF-16. Other encodings are named, not guessed: the
//! same bytes would be other names.

use thiserror::Error;

/// Bytes that are not text of a known encoding.
#[derive(Debug, PartialEq, Eq, Error)]
pub enum NotText {
    /// Neither UTF-8 nor UTF-16.
    #[error(
        "it is not UTF-8: line {line} has the byte 0x{byte:02X}, as text saved as Latin-1 or Windows-1252 has; save it as \
         UTF-8, for example with iconv -f WINDOWS-1252 -t UTF-8"
    )]
    NotUtf8 {
        /// Counted from 1.
        line: usize,
        /// The first byte that is not UTF-8.
        byte: u8,
    },
    /// UTF-16 with half a character.
    #[error("it is UTF-16, but cut off or damaged; save it again, as UTF-8")]
    BrokenUtf16,
    /// UTF-32 has no use in files.
    #[error("it is UTF-32; save it as UTF-8")]
    Utf32,
}

/// The text, without its byte order mark.
///
/// # Errors
/// Another encoding, with the remedy.
pub fn decode(bytes: &[u8]) -> Result<String, NotText> {
    match bytes {
        [0xFF, 0xFE, 0, 0, ..] | [0, 0, 0xFE, 0xFF, ..] => Err(NotText::Utf32),
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes),
        // The first character of our files is ASCII, and no file has NUL.
        [first, 0, ..] if *first != 0 => utf16(bytes, u16::from_le_bytes),
        [0, second, ..] if *second != 0 => utf16(bytes, u16::from_be_bytes),
        [0xEF, 0xBB, 0xBF, rest @ ..] => utf8(rest),
        _ => utf8(bytes),
    }
}

fn utf8(bytes: &[u8]) -> Result<String, NotText> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        NotText::NotUtf8 {
            line: 1 + before.iter().filter(|byte| **byte == b'\n').count(),
            byte: bytes[error.valid_up_to()],
        }
    })?;
    Ok(text.to_owned())
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, NotText> {
    let (units, rest) = bytes.as_chunks::<2>();
    let units: Vec<u16> = units.iter().map(|pair| unit(*pair)).collect();
    let text = String::from_utf16(&units).map_err(|_| NotText::BrokenUtf16)?;
    if rest.is_empty() {
        Ok(text)
    } else {
        Err(NotText::BrokenUtf16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "{\"name\": \"Küche 切 🔧\"}\n";

    #[test]
    fn encodings_of_editors_are_read() {
        let units = |to_bytes: fn(u16) -> [u8; 2]| TEXT.encode_utf16().flat_map(to_bytes).collect::<Vec<u8>>();
        let (little, big) = (units(u16::to_le_bytes), units(u16::to_be_bytes));
        for (name, bytes) in [
            ("UTF-8", TEXT.as_bytes().to_vec()),
            ("UTF-8 with a mark", [b"\xEF\xBB\xBF", TEXT.as_bytes()].concat()),
            ("UTF-16 of PowerShell", [b"\xFF\xFE".as_slice(), &little].concat()),
            ("UTF-16, big endian", [b"\xFE\xFF".as_slice(), &big].concat()),
            ("UTF-16LE without a mark", little),
            ("UTF-16BE without a mark", big),
        ] {
            assert_eq!(decode(&bytes).as_deref(), Ok(TEXT), "{name}");
        }
        assert_eq!(decode(b"").as_deref(), Ok(""));
        assert_eq!(decode(b"\xEF\xBB\xBF").as_deref(), Ok(""));
    }

    #[test]
    fn other_encodings_are_named_with_the_remedy() {
        for (name, bytes, facts) in [
            ("Latin-1", b"{\n\"K\xFCche\"}".as_slice(), ["line 2", "0xFC", "UTF-8"]),
            ("half a unit", b"\xFF\xFE{\0\n", ["UTF-16", "cut off", "UTF-8"]),
            ("half a pair", b"\xFF\xFE\x3D\xD8", ["UTF-16", "cut off", "UTF-8"]),
            ("UTF-32", b"\xFF\xFE\0\0{\0\0\0", ["UTF-32", "save", "UTF-8"]),
        ] {
            let error = decode(bytes).unwrap_err().to_string();
            for fact in facts {
                assert!(error.contains(fact), "{name}: `{fact}` is not in: {error}");
            }
        }
    }
}
