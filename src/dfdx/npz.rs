//! Arrays of numbers in `.npz` files: an archive of `.npy` files, as numpy and dfdx write them.
//!
//! Arrays by name go in and bytes come out, and back. Nothing is compressed: `numpy.savez` does not
//! either, and files of `numpy.savez_compressed` are refused by name.
//!
//! **Invariants**
//! - Any bytes are an answer or a refusal that says what is wrong; what is taken up for them is no
//!   more than a few times their length.
//! - What is read has passed the archive's checksums.
//!
//! ```text
//! local header, "0.weight.npy", \x93NUMPY 1.0 {'descr': '<f4', 'fortran_order': False, 'shape': (4, 3), } numbers
//! …
//! directory: name, checksum, length and place of each
//! ```

use std::fmt::Write as _;

/// Numbers and how they lie.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Array {
    /// How many bytes a number takes: 4 or 8.
    pub(super) width: usize,
    pub(super) shape: Vec<usize>,
    /// The numbers, little end first.
    pub(super) bytes: Vec<u8>,
}

impl Array {
    /// How many bytes a shape's numbers take, unless it is too many to count.
    pub(super) fn length(width: usize, shape: &[usize]) -> Option<usize> {
        shape
            .iter()
            .try_fold(width, |product, &size| product.checked_mul(size))
    }
}

const MAGIC: &[u8] = b"\x93NUMPY\x01\x00";
const LOCAL: u32 = 0x0403_4b50;
const ENTRY: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
/// 1980-01-01, so that equal arrays are equal files.
const DATE: u16 = 0x21;

/// Writes an archive.
pub(super) fn write(arrays: &[(String, Array)]) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let mut directory = Vec::new();
    for (name, array) in arrays {
        let name = format!("{name}.npy");
        let content = write_array(array)?;
        let place = small(out.len())?;
        let mut header = Vec::new();
        for field in [20, 0, 0, 0, DATE] {
            header.extend(u16::to_le_bytes(field));
        }
        header.extend(crc(&content).to_le_bytes());
        for _compressed_and_not in 0..2 {
            header.extend(small(content.len())?.to_le_bytes());
        }
        let length =
            u16::try_from(name.len()).map_err(|_| format!("the name {name:.60}… is too long"))?;
        header.extend(length.to_le_bytes());
        header.extend([0; 2]);
        out.extend(LOCAL.to_le_bytes());
        out.extend(&header);
        out.extend(name.as_bytes());
        out.extend(content);
        directory.extend(ENTRY.to_le_bytes());
        directory.extend([20, 0]);
        directory.extend(header);
        directory.extend([0; 10]);
        directory.extend(place.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let count = u16::try_from(arrays.len()).map_err(|_| "there are more than 65535 tensors")?;
    let place = small(out.len())?;
    out.extend(&directory);
    out.extend(END.to_le_bytes());
    out.extend([0; 4]);
    out.extend(count.to_le_bytes());
    out.extend(count.to_le_bytes());
    out.extend(small(directory.len())?.to_le_bytes());
    out.extend(place.to_le_bytes());
    out.extend([0; 2]);
    Ok(out)
}

fn small(length: usize) -> Result<u32, String> {
    u32::try_from(length).map_err(|_| "a `.npz` file of more than 4 GiB is not written".into())
}

fn write_array(array: &Array) -> Result<Vec<u8>, String> {
    let mut shape = String::new();
    for size in &array.shape {
        let _ = write!(shape, "{size}, ");
    }
    // Python's way: `()`, `(3,)`, `(4, 3)`.
    let shape = match array.shape.len() {
        1 => shape.trim_end(),
        _ => shape.trim_end_matches(", "),
    };
    let width = array.width;
    let mut header =
        format!("{{'descr': '<f{width}', 'fortran_order': False, 'shape': ({shape}), }}");
    let length = (MAGIC.len() + 2 + header.len() + 1).next_multiple_of(64) - MAGIC.len() - 2;
    let spaces = length - 1 - header.len();
    header.extend(std::iter::repeat_n(' ', spaces));
    header.push('\n');
    let length = u16::try_from(length).map_err(|_| "a tensor has too many dimensions")?;
    Ok([
        MAGIC,
        &length.to_le_bytes(),
        header.as_bytes(),
        &array.bytes,
    ]
    .concat())
}

/// Reads an archive: names without `.npy`, and what they hold.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<(String, Array)>, String> {
    let broken = || String::from("is no archive, or a damaged one");
    // The end's record, which a comment may follow.
    let first = bytes.len().saturating_sub(22 + usize::from(u16::MAX));
    let end = (first..bytes.len().saturating_sub(21))
        .rev()
        .find(|&place| Some(END) == four(bytes, place))
        .ok_or_else(broken)?;
    let count = two(bytes, end + 10).ok_or_else(broken)?;
    let mut place = four(bytes, end + 16).ok_or_else(broken)? as usize;
    let mut arrays = Vec::new();
    let mut taken = 0_usize;
    for _ in 0..count {
        if four(bytes, place) != Some(ENTRY) {
            return Err(broken());
        }
        let field = |at: usize| two(bytes, place + at).map(usize::from).ok_or_else(broken);
        let word = |at: usize| four(bytes, place + at).ok_or_else(broken);
        let (method, name, extra, comment) = (field(10)?, field(28)?, field(30)?, field(32)?);
        let (check, length, local) = (word(16)?, word(24)? as usize, word(42)? as usize);
        let name = bytes
            .get(place + 46..place + 46 + name)
            .ok_or_else(broken)?;
        let name = std::str::from_utf8(name).map_err(|_| broken())?;
        place += 46 + name.len() + extra + comment;
        if method != 0 {
            return Err(format!(
                "holds `{name:.60}` compressed; write it with `numpy.savez`, which does not"
            ));
        }
        if four(bytes, local) != Some(LOCAL) {
            return Err(broken());
        }
        let skip = |at: usize| two(bytes, local + at).map(usize::from).ok_or_else(broken);
        let start = local + 30 + skip(26)? + skip(28)?;
        let content = bytes
            .get(start..start.saturating_add(length))
            .ok_or_else(broken)?;
        // Entries may lie over each other, and what is taken is counted.
        taken = taken.saturating_add(length);
        if taken > bytes.len() || crc(content) != check {
            return Err(format!("`{name:.60}` in it is damaged"));
        }
        let name = name.strip_suffix(".npy").unwrap_or(name);
        let array = read_array(content).map_err(|reason| format!("`{name:.60}` in it {reason}"))?;
        arrays.push((name.to_owned(), array));
    }
    Ok(arrays)
}

fn two(bytes: &[u8], place: usize) -> Option<u16> {
    let bytes = bytes.get(place..place.checked_add(2)?)?;
    Some(u16::from_le_bytes(bytes.try_into().ok()?))
}

fn four(bytes: &[u8], place: usize) -> Option<u32> {
    let bytes = bytes.get(place..place.checked_add(4)?)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?))
}

fn read_array(content: &[u8]) -> Result<Array, String> {
    let header = content
        .strip_prefix(MAGIC)
        .ok_or("is no array of numpy's first format")?;
    let length = two(header, 0).map(usize::from).ok_or("is cut short")?;
    let (text, bytes) = header[2..].split_at_checked(length).ok_or("is cut short")?;
    let text = std::str::from_utf8(text).map_err(|_| "has a header that is no text")?;
    let value = |key: &str, end: char| {
        let (_, rest) = text.split_once(&format!("'{key}': "))?;
        Some(rest.split(end).next().unwrap_or_default())
    };
    let kind = value("descr", ',').unwrap_or_default();
    let (width, turned) = match kind.trim_matches('\'') {
        "<f4" | "=f4" => (4, false),
        "<f8" | "=f8" => (8, false),
        ">f4" => (4, true),
        ">f8" => (8, true),
        _ => return Err(format!("holds {kind:.20}, and not floats of 4 or 8 bytes")),
    };
    let shape = value("shape", ')').unwrap_or_default();
    let shape: Vec<usize> = shape
        .trim_start_matches('(')
        .split(',')
        .map(str::trim)
        .filter(|size| !size.is_empty())
        .map(|size| {
            size.parse()
                .map_err(|_| format!("has the shape {shape:.60}"))
        })
        .collect::<Result<_, _>>()?;
    if value("fortran_order", ',') != Some("False") && shape.len() > 1 {
        return Err("has its columns one after another; write it with its rows so".into());
    }
    if Array::length(width, &shape) != Some(bytes.len()) {
        let length = bytes.len();
        return Err(format!(
            "has {length} bytes, which is not its shape's number"
        ));
    }
    let mut bytes = bytes.to_vec();
    if turned {
        bytes.chunks_exact_mut(width).for_each(<[u8]>::reverse);
    }
    Ok(Array {
        width,
        shape,
        bytes,
    })
}

/// The checksum that archives have.
fn crc(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut index = 0;
        while index < 256 {
            let mut entry = index as u32;
            let mut bit = 0;
            while bit < 8 {
                entry = (entry >> 1) ^ (0xedb8_8320 & (entry & 1).wrapping_neg());
                bit += 1;
            }
            table[index] = entry;
            index += 1;
        }
        table
    };
    !bytes.iter().fold(!0, |sum, &byte| {
        (sum >> 8) ^ TABLE[usize::from((sum as u8) ^ byte)]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrays() -> Vec<(String, Array)> {
        let array = |width: usize, shape: &[usize]| {
            let length = Array::length(width, shape).unwrap();
            let bytes = (0..length).map(|i| i as u8).collect();
            let shape = shape.to_vec();
            Array {
                width,
                shape,
                bytes,
            }
        };
        vec![
            ("0.weight".into(), array(4, &[4, 3])),
            ("0.bias".into(), array(8, &[4])),
            ("1".into(), array(8, &[])),
            ("é".into(), array(4, &[0, 2])),
        ]
    }

    #[test]
    fn the_checksum_is_that_of_archives() {
        assert_eq!(crc(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn what_is_written_is_read() {
        assert_eq!(read(&write(&arrays()).unwrap()).unwrap(), arrays());
        assert_eq!(read(&write(&[]).unwrap()).unwrap(), []);
    }

    #[test]
    fn any_damage_is_seen_or_harmless() {
        let whole = write(&arrays()).unwrap();
        for place in 0..whole.len() {
            assert!(read(&whole[..place]).is_err());
            for change in [1, 0x80, 0xff] {
                let mut bytes = whole.clone();
                bytes[place] ^= change;
                // Dates, versions and the like are not looked at; numbers are.
                if let Ok(found) = read(&bytes) {
                    let numbers = |all: &[(String, Array)]| {
                        all.iter()
                            .map(|(_, array)| array.clone())
                            .collect::<Vec<_>>()
                    };
                    let kept = numbers(&arrays()).starts_with(&numbers(&found));
                    assert!(kept, "byte {place} with {change}");
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        let one = |from: &str, to: &str| {
            let content = write_array(&arrays()[0].1).unwrap();
            let text: String = content.iter().map(|&byte| char::from(byte)).collect();
            assert!(text.contains(from));
            let content: Vec<u8> = text.replace(from, to).chars().map(|c| c as u8).collect();
            read_array(&content)
        };
        assert!(one("<f4", "<i4").unwrap_err().contains("holds '<i4'"));
        assert!(one("(4, 3)", "(4, 4)").unwrap_err().contains("48 bytes"));
        assert!(one("(4, 3)", "(4, x)").unwrap_err().contains("shape"));
        assert!(one("False", "True ").unwrap_err().contains("columns"));
        assert!(one("NUMPY\u{1}", "NUMPY\u{2}").is_err());
        let turned = one("<f4", ">f4").unwrap();
        assert_eq!(turned.bytes[..4], [3, 2, 1, 0]);
        let huge = format!("({}, 9)", usize::MAX);
        assert!(read_array(&[MAGIC, &[2, 0], b"{}"].concat()).is_err());
        assert!(one("(4, 3), }     ", &huge).is_err());
    }
}
