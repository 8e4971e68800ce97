//! Payloads made small before they are sealed: events are much alike, so most of one is said by a sample of others.
//!
//! What is committed to is the payload as it was; this is only how it is kept. A packed payload begins with the number of
//! its form, which no JSON text does. Whoever holds the disk sees lengths, and so whether a payload is like the sample.

use std::cell::RefCell;
use std::sync::LazyLock;

use zstd::bulk::{Compressor, Decompressor};
use zstd::dict::{DecoderDictionary, EncoderDictionary};
use zstd::zstd_safe::{CParameter, get_frame_content_size};

/// The form of this build: Zstandard with the sample below. Another sample is another form.
const FORM: u8 = 1;
/// What the events of a service look like, and how often which letter comes in them: `zstd --train --maxdict=8192` of 4,000
/// events of every kind with names, numbers and paths drawn at random. Fixed for ever: what was packed with it is unpacked
/// with it.
const SAMPLE: &[u8] = include_bytes!("packed/sample-1.dict");
/// The sample does most of it: level 6 saves one byte in twenty for five times the time.
const LEVEL: i32 = 3;
/// The most bytes that a payload has when it is unpacked.
const LONGEST: u64 = 64 << 20;

static FOR_PACKING: LazyLock<EncoderDictionary<'static>> =
    LazyLock::new(|| EncoderDictionary::copy(SAMPLE, LEVEL));
static FOR_UNPACKING: LazyLock<DecoderDictionary<'static>> =
    LazyLock::new(|| DecoderDictionary::copy(SAMPLE));

thread_local! {
    // Making one costs more than packing an event with it.
    static PACKER: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    static UNPACKER: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// Appends a payload to `out` in as few bytes as it takes: packed, or as it is.
pub(crate) fn pack(payload: &[u8], out: &mut Vec<u8>) {
    match packed(payload) {
        Ok(packed) if packed.len() < payload.len() || looks_packed(payload) => {
            out.push(FORM);
            out.extend_from_slice(&packed);
        }
        // Too small to gain by it, or this machine cannot: it is kept as it is.
        _ => out.extend_from_slice(payload),
    }
}

/// The payload in what was kept; `None` if it is of a form that this build does not know, or altered.
pub(crate) fn unpack(kept: &[u8]) -> Option<Vec<u8>> {
    match kept.split_first() {
        Some((&FORM, packed)) => unpacked(packed),
        _ if looks_packed(kept) => None,
        _ => Some(kept.to_vec()),
    }
}

/// Whether it begins with the number of a form, known here or not.
fn looks_packed(kept: &[u8]) -> bool {
    matches!(kept.first(), Some(0..=31))
}

fn packed(payload: &[u8]) -> std::io::Result<Vec<u8>> {
    PACKER.with_borrow_mut(|packer| match packer {
        Some(packer) => packer.compress(payload),
        None => {
            let mut made = Compressor::with_prepared_dictionary(&FOR_PACKING)?;
            // The form says which sample it is.
            made.set_parameter(CParameter::DictIdFlag(false))?;
            packer.insert(made).compress(payload)
        }
    })
}

fn unpacked(packed: &[u8]) -> Option<Vec<u8>> {
    let length = get_frame_content_size(packed).ok()??;
    let length = usize::try_from(length.min(LONGEST)).ok()?;
    UNPACKER.with_borrow_mut(|unpacker| {
        let unpacker = match unpacker {
            Some(unpacker) => unpacker,
            None => unpacker.insert(Decompressor::with_prepared_dictionary(&FOR_UNPACKING).ok()?),
        };
        unpacker.decompress(packed, length).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(payload: &[u8]) -> Vec<u8> {
        let mut kept = Vec::new();
        pack(payload, &mut kept);
        kept
    }

    #[test]
    fn every_payload_is_unpacked_as_it_was() {
        let long = "{\"a\":1}".repeat(200_000);
        let plain: Vec<u8> = (0..2_000_u32).map(|n| (n * 7 % 251) as u8 | 32).collect();
        for payload in ["", "{}", "[]", r#"{"version":2,"at":"x"}"#, &long] {
            assert_eq!(
                unpack(&kept(payload.as_bytes())).unwrap(),
                payload.as_bytes()
            );
        }
        assert_eq!(unpack(&kept(&plain)).unwrap(), plain);
        for start in 0..=255 {
            assert_eq!(unpack(&kept(&[start, 7])).unwrap(), [start, 7]);
        }
    }

    #[test]
    fn an_event_takes_less_than_half_and_what_an_earlier_build_kept_is_read_as_it_is() {
        let event = crate::tests::opened("riverside", "9434765919", 7);
        let payload = serde_json::to_vec(&event).unwrap();
        let packed = kept(&payload);
        assert!(
            packed.len() * 2 < payload.len(),
            "{} of {}",
            packed.len(),
            payload.len()
        );
        assert_eq!(unpack(&payload).unwrap(), payload);
    }

    #[test]
    fn what_was_packed_by_the_first_build_that_packed_is_unpacked_for_ever() {
        let payload = br#"{"version":2,"outcome":"done"}"#;
        let kept = hex::decode(include_str!("packed/kept-by-the-first.hex").trim()).unwrap();
        assert_eq!(unpack(&kept).unwrap(), payload);
    }

    #[test]
    fn an_unknown_form_and_altered_bytes_are_refused() {
        let packed = kept("{\"a\":1}".repeat(100).as_bytes());
        assert_eq!(packed[0], FORM);
        assert_eq!(unpack(&[&[2], &packed[1..]].concat()), None);
        assert_eq!(unpack(&packed[..packed.len() - 1]), None);
        assert_eq!(unpack(&[FORM]), None);
    }
}
