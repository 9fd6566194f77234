//! What a file that is not HDF5 looks like, so that the error can say it.

/// Why these first bytes are not those of an HDF5 file; `None` where nothing speaks against it.
pub(super) fn not_hdf5(start: &[u8]) -> Option<String> {
    let text = match start {
        [] => "is empty, not HDF5".to_owned(),
        [0x80, 2..=5, ..] => pickle("a Python pickle"),
        [b'P', b'K', 3, 4, ..] => pickle("a zip archive with a Python pickle, as torch.save writes it"),
        [0x1f, 0x8b, ..] => "is gzip-compressed, not HDF5: unpack it first".to_owned(),
        [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => "is a NumPy array, not HDF5".to_owned(),
        [b'{' | b'[', ..] => "looks like JSON, not HDF5".to_owned(),
        [b'<', ..] => "looks like a web page, not HDF5: the download may have failed".to_owned(),
        _ if start.starts_with(b"version https://git-lfs") => {
            "is a Git LFS pointer, not HDF5: fetch the file itself with `git lfs pull`".to_owned()
        }
        _ if start.iter().take(64).all(|b| b.is_ascii_graphic() || b.is_ascii_whitespace()) => {
            "is a text file, not HDF5".to_owned()
        }
        _ => {
            let bytes: Vec<String> = start.iter().take(8).map(|b| format!("{b:02x}")).collect();
            format!("is not HDF5: it starts with {}", bytes.join(" "))
        }
    };
    Some(text).filter(|_| !hdf5_pure::is_hdf5_bytes(start))
}

fn pickle(what: &str) -> String {
    format!("is {what}, not HDF5: never loaded because it can run code; re-export it with nir.write(path, graph)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_what_it_sees() {
        for (bytes, expected) in [
            (&b""[..], "empty"),
            (b"\x80\x04\x95\x00", "Python pickle"),
            (b"PK\x03\x04rest", "torch.save"),
            (b"\x1f\x8b\x08", "gzip"),
            (b"{\"node\": 1}", "JSON"),
            (b"version https://git-lfs.github.com/spec/v1", "git lfs pull"),
            (b"hello", "text file"),
            (b"\x00\x01\xff", "00 01 ff"),
        ] {
            let message = not_hdf5(bytes).unwrap();
            assert!(message.contains(expected), "{message}");
        }
        assert_eq!(not_hdf5(b"\x89HDF\r\n\x1a\n"), None);
    }
}
