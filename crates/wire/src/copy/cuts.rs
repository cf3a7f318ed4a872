//! However the data are cut into messages, the rows are the same, and so are the errors.

use kappa_types::SqlType;
use kappa_types::text::TextOptions;

use super::{CopyCsv, CopyDecoder, CopyEncoder, CopyFormat, CopyText, DecoderLimits};
use crate::backend::{ColumnDescription, CopyTarget};
use crate::connection::BatchEncoder;

fn target() -> CopyTarget {
    let columns = [("a", SqlType::Integer), ("b", SqlType::Text), ("c", SqlType::Timestamp)];
    CopyTarget {
        relation: "t".into(),
        columns: columns.map(|(name, sql_type)| (name.to_owned(), sql_type)).into(),
    }
}

/// The rows as COPY text, or the error, of `pieces`.
fn decode(format: &CopyFormat, pieces: &[&[u8]], batch_row_count: usize) -> String {
    let limits =
        DecoderLimits { batch_row_count, batch_size_bytes: 1 << 20, row_size_bytes_max: 1 << 20 };
    let mut decoder = CopyDecoder::new(&target(), format, &TextOptions::default(), limits);
    let columns: Vec<_> = target()
        .columns
        .into_iter()
        .map(|(name, sql_type)| ColumnDescription::new(name, sql_type))
        .collect();
    let mut encoder = CopyEncoder::new(CopyFormat::Text(CopyText::default()), columns);
    let mut out = Vec::new();
    for index in 0..=pieces.len() {
        if let Some(piece) = pieces.get(index) {
            decoder.feed(piece);
        }
        loop {
            match decoder.next_batch(index == pieces.len()) {
                Ok(None) => break,
                Ok(Some(batch)) => {
                    assert!(batch.num_rows() <= batch_row_count, "batches are bounded");
                    let mut ready = encoder.ready(&batch, &TextOptions::default()).unwrap();
                    for row in 0..batch.num_rows() {
                        encoder.encode(&mut ready, row, &mut out);
                    }
                }
                Err(report) => return format!("{} {:?}", report.error, report.context),
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn check(format: &CopyFormat, data: &[u8]) {
    let whole = decode(format, &[data], 100);
    for cut in 0..=data.len() {
        let (left, right) = data.split_at(cut);
        assert_eq!(decode(format, &[left, right], 100), whole, "cut at {cut}");
    }
    let bytes: Vec<&[u8]> = data.chunks(1).collect();
    assert_eq!(decode(format, &bytes, 100), whole, "byte by byte");
    let small = decode(format, &[data], 1);
    assert!(small == whole || !whole.contains('\t'), "row by row");
}

#[test]
fn csv_is_the_same_however_it_is_cut() {
    let csv = CopyFormat::Csv(CopyCsv::default());
    check(&csv, b"1,plain,2024-01-02 03:04:05\r\n2,,\n3,\"\",\n4,\"a \"\"b\"\", c\nd\",2024-01-01\n5, \"x\" ,");
    check(&csv, b"1,a,2024-01-01\n\\.\nrest");
    check(&csv, b"1,\"open");
    check(&csv, b"1,a\rb,\n");
    check(&csv, b"1,a,2024-01-01,more\n");
    let backslash = CopyCsv { escape: b'\\', ..CopyCsv::default() };
    check(&CopyFormat::Csv(backslash), b"1,\"a\\\"b\\\\\",\n2,\"\\x\",2024-01-01\n");
}

#[test]
fn text_is_the_same_however_it_is_cut() {
    let text = CopyFormat::Text(CopyText::default());
    check(&text, b"1\ta\\tb\\x41\\101\\\\\t2024-01-02 03:04:05\r\n2\t\\N\t\\N\n3\t\\\nx\t\\N");
    check(&text, b"1\ta\t\\N\n\\.\nrest");
    check(&text, b"1\ta\rb\t\\N\n");
    check(&text, b"x\ty\tz\n");
}

#[test]
fn binary_is_the_same_however_it_is_cut() {
    let mut data = b"PGCOPY\n\xff\r\n\0".to_vec();
    data.extend_from_slice(&[0; 8]);
    for number in 0..3_i32 {
        data.extend_from_slice(&[0, 3, 0, 0, 0, 4]);
        data.extend_from_slice(&number.to_be_bytes());
        data.extend_from_slice(&[0, 0, 0, 2, b'h', b'i', 0xff, 0xff, 0xff, 0xff]);
    }
    check(&CopyFormat::Binary, &[&data[..], &[0xff, 0xff]].concat());
    check(&CopyFormat::Binary, &data);
    check(&CopyFormat::Binary, &data[..data.len() - 1]);
    check(&CopyFormat::Binary, b"PGCOPY");
}

#[test]
fn a_row_has_a_bound() {
    let limits =
        DecoderLimits { batch_row_count: 1, batch_size_bytes: 1, row_size_bytes_max: 1000 };
    let text = CopyFormat::Text(CopyText::default());
    let mut decoder = CopyDecoder::new(&target(), &text, &TextOptions::default(), limits);
    let refused = (0..100).find_map(|_| {
        decoder.feed(&[b'x'; 100]);
        decoder.next_batch(false).err()
    });
    assert_eq!(refused.expect("a bound").error.message, "row is too long");
}
