//! Digests, as hexadecimal text in lower case.
//!
//! ```sql
//! MD5('flink')        -- 'd8efddb7...'
//! SHA2('flink', 256)  -- the same as SHA256('flink')
//! ```

use arrow::array::{Array, ArrayRef, BinaryArray};
use arrow::datatypes::{DataType, Int32Type};
use md5::Md5;
use millstream_core::Result;
use millstream_core::types::{ColumnType, SqlType};
use sha1::Sha1;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};

use crate::args::Kind::{Int, Text};
use crate::args::{Arguments, Call};
use crate::function::{Spec, function};
use crate::output::text_rows;

pub(crate) const FUNCTIONS: &[Spec] = &[
    function("md5", &[Text], |args| digits(args, 32), digest::<Md5>),
    function("sha1", &[Text], |args| digits(args, 40), digest::<Sha1>),
    function(
        "sha2",
        &[Text, Int],
        |args| args.strict(SqlType::Varchar(128)),
        sha2,
    ),
    function("sha224", &[Text], |args| digits(args, 56), digest::<Sha224>),
    function("sha256", &[Text], |args| digits(args, 64), digest::<Sha256>),
    function("sha384", &[Text], |args| digits(args, 96), digest::<Sha384>),
    function(
        "sha512",
        &[Text],
        |args| digits(args, 128),
        digest::<Sha512>,
    ),
];

fn digits(args: &Arguments, count: u32) -> Result<ColumnType> {
    args.strict(SqlType::Char(count))
}

fn digest<D: Digest>(call: &Call) -> Result<ArrayRef> {
    hashed(call, |_, bytes| Ok(Some(D::digest(bytes).to_vec())))
}

fn sha2(call: &Call) -> Result<ArrayRef> {
    let lengths = call.numbers::<Int32Type>(1)?;
    hashed(call, |row, bytes| {
        let Some(length) = lengths.get(row) else {
            return Ok(None);
        };
        Ok(Some(match length {
            224 => Sha224::digest(bytes).to_vec(),
            256 => Sha256::digest(bytes).to_vec(),
            384 => Sha384::digest(bytes).to_vec(),
            512 => Sha512::digest(bytes).to_vec(),
            other => {
                return Err(call.error(format!("wants 224, 256, 384 or 512 bits, found {other}")));
            }
        }))
    })
}

fn hashed(call: &Call, hash: impl Fn(usize, &[u8]) -> Result<Option<Vec<u8>>>) -> Result<ArrayRef> {
    let binary = *call.array(0).data_type() == DataType::Binary;
    let values = binary.then(|| call.typed::<BinaryArray>(0)).transpose()?;
    let texts = (!binary).then(|| call.texts(0)).transpose()?;
    text_rows(call, |row, out| {
        let bytes = match (&values, &texts) {
            (Some(values), _) => values.get(row),
            (_, Some(texts)) => texts.get(row).map(str::as_bytes),
            _ => None,
        };
        let Some(bytes) = bytes else {
            return Ok(None);
        };
        let Some(digest) = hash(row, bytes)? else {
            return Ok(None);
        };
        for byte in digest {
            for digit in [byte >> 4, byte & 15] {
                out.push_char(char::from(b"0123456789abcdef"[usize::from(digit)]))?;
            }
        }
        Ok(Some(()))
    })
}

#[cfg(test)]
mod tests {
    use crate::testing::{NO_STR, check, check_error, check_null, i, s, type_of, x};

    #[test]
    fn digests_are_the_published_ones() {
        check("md5", &[s("")], s("d41d8cd98f00b204e9800998ecf8427e"));
        check("md5", &[x(b"abc")], s("900150983cd24fb0d6963f7d28e17f72"));
        check(
            "sha1",
            &[s("abc")],
            s("a9993e364706816aba3e25717850c26c9cd0d89d"),
        );
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        check("sha256", &[s("abc")], s(sha256));
        check("sha2", &[s("abc"), i(256)], s(sha256));
        check(
            "sha224",
            &[s("abc")],
            s("23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"),
        );
        check_null("sha512", &[NO_STR]);
        check_error("sha2", &[s("abc"), i(1)], "found 1");
        assert_eq!(type_of("md5", &[s("a")]), "CHAR(32) NOT NULL");
        for (name, length) in [("sha384", 96), ("sha512", 128)] {
            let found = crate::testing::call(name, &[s("abc")]).unwrap().to_string();
            assert_eq!(found.len(), length);
        }
    }
}
