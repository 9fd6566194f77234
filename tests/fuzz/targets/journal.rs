//! Journals of interrupted runs; one byte says whether every line gets its checksum, which mutation alone never finds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use saltatory_fuzz::Folder;
use saltatory_fuzz::cli::batch::journal::Journal;

fuzz_target!(|data: &[u8]| {
    let Some((&form, bytes)) = data.split_first() else { return };
    let folder = Folder::new();
    let mut text = bytes.to_vec();
    if form >= 128 {
        text = bytes.split(|&b| b == b'\n').flat_map(checked).collect();
    }
    let path = folder.put(".out.npy.journal", &text);
    let Ok((mut journal, past)) = Journal::open(path.clone()) else { return };
    let Some(past) = past else { return };
    assert!(past.progress.tally.samples > 0 && journal.is_kept());
    // It can be gone on with, and is the same then but for what is added.
    journal.append(&Default::default()).expect("a line");
    drop(journal);
    let (_, again) = Journal::open(path).expect("a journal");
    let again = again.expect("a run");
    assert_eq!((again.job, again.progress.tally.samples), (past.job, past.progress.tally.samples));
});

fn checked(line: &[u8]) -> Vec<u8> {
    let mut crc = flate2::Crc::new();
    crc.update(line);
    [format!("{:08x} ", crc.sum()).as_bytes(), line, b"\n"].concat()
}
