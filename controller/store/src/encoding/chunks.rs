//! How a record lies in values: in chunks, each with its place, their number and a checksum over all of it.

use super::{CHUNK_BYTES, Entry, Fault, chunk_key, corrupt};

/// The version of a value's envelope.
const FORMAT: u8 = 1;
const HEADER_BYTES: usize = 7;

pub(super) fn seal(subject: &str, json: &[u8]) -> Vec<Entry> {
    let chunks = json.len().div_ceil(CHUNK_BYTES);
    let count = u16::try_from(chunks).expect("`put` refuses more than CHUNKS_MAX chunks");
    let sealed = (0..count).zip(json.chunks(CHUNK_BYTES)).map(|(number, part)| {
        let key = chunk_key(subject, number);
        let mut value = vec![FORMAT];
        value.extend(checksum(&key, count.to_be_bytes(), part).to_be_bytes());
        value.extend(count.to_be_bytes());
        value.extend(part);
        (key, value)
    });
    sealed.collect()
}

fn checksum(key: &[u8], count: [u8; 2], part: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(&count);
    hasher.update(part);
    hasher.finalize()
}

pub(super) fn split(key: &[u8]) -> Result<(&str, u16), Fault> {
    let foreign = || corrupt(&String::from_utf8_lossy(key), "not a key of this layout");
    let (subject, end) = key.len().checked_sub(3).map(|at| key.split_at(at)).ok_or_else(foreign)?;
    let &[0, high, low] = end else { return Err(foreign()) };
    let subject = std::str::from_utf8(subject).map_err(|_| foreign())?;
    Ok((subject, u16::from_be_bytes([high, low])))
}

pub(super) fn open<'a>(subject: &str, key: &[u8], value: &'a [u8]) -> Result<(u16, &'a [u8]), Fault> {
    let Some((&[format, a, b, c, d, high, low], part)) = value.split_first_chunk::<HEADER_BYTES>() else {
        return Err(corrupt(subject, "it is too short"));
    };
    if format != FORMAT {
        return Err(corrupt(subject, &format!("its format {format} is unknown")));
    }
    if checksum(key, [high, low], part) != u32::from_be_bytes([a, b, c, d]) {
        return Err(corrupt(subject, "its checksum does not fit"));
    }
    Ok((u16::from_be_bytes([high, low]), part))
}
