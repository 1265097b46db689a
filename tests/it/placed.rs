//! Files that a library goes back and forth in: what they hold is what the same steps leave in a plain file, or in memory.

use fjernprint::adapters::placed::{Peeked, Placed};
use proptest::prelude::*;
use std::fs::{self, File};
use std::io::{Cursor, Read, Seek, SeekFrom, Write};

#[derive(Debug, Clone)]
enum Step {
    Write(Vec<u8>),
    To(u64),
    By(i64),
    FromEnd(i64),
    Flush,
}

fn step() -> impl Strategy<Value = Step> {
    // On both sides of what is held back as small. Nothing at all beyond the end makes what is in memory longer, and no file.
    let piece = prop_oneof![1usize..40, 900usize..1200, 3000usize..9000];
    prop_oneof![
        4 => (piece, any::<u8>()).prop_map(|(bytes, value)| Step::Write(vec![value; bytes])),
        1 => (0u64..20_000).prop_map(Step::To),
        1 => (-3000i64..3000).prop_map(Step::By),
        1 => (-3000i64..1).prop_map(Step::FromEnd),
        1 => Just(Step::Flush),
    ]
}

fn take<W: Write + Seek>(to: &mut W, step: &Step) -> Option<u64> {
    match step {
        // In memory, nothing that is written behind the end fills up to there; a file stays as it was.
        Step::Write(piece) if piece.is_empty() => Some(0),
        Step::Write(piece) => to.write_all(piece).map(|()| 0).ok(),
        Step::To(place) => to.seek(SeekFrom::Start(*place)).ok(),
        Step::By(by) => to.seek(SeekFrom::Current(*by)).ok(),
        Step::FromEnd(by) => to.seek(SeekFrom::End(*by)).ok(),
        Step::Flush => to.flush().map(|()| 0).ok(),
    }
}

fn look(at: &mut (impl Read + Seek), place: u64, bytes: usize) -> Vec<u8> {
    let mut found = Vec::new();
    at.seek(SeekFrom::Start(place)).unwrap();
    at.take(bytes as u64).read_to_end(&mut found).unwrap();
    found
}

#[test]
fn nothing_written_behind_the_end_does_not_move_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("placed");
    let mut placed = Placed::new(File::create(&path).unwrap());
    placed.seek(SeekFrom::Start(7)).unwrap();
    placed.write_all(&[]).unwrap();
    assert_eq!(placed.write(&[]).unwrap(), 0);
    assert_eq!(placed.seek(SeekFrom::End(0)).unwrap(), 0);
    placed.flush().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"");
}

proptest! {
    #[test]
    fn what_is_written_at_places_is_what_stands_there(steps in proptest::collection::vec(step(), 1..40)) {
        let dir = tempfile::tempdir().unwrap();
        let (path, beside) = (dir.path().join("placed"), dir.path().join("beside"));
        let (mut placed, mut expected) = (Placed::new(File::create(&path).unwrap()), File::create(&beside).unwrap());
        for step in &steps {
            prop_assert_eq!(take(&mut placed, step), take(&mut expected, step));
            prop_assert_eq!(placed.stream_position().unwrap(), expected.stream_position().unwrap());
        }
        placed.flush().unwrap();
        prop_assert!(fs::read(&path).unwrap() == fs::read(&beside).unwrap());
    }

    #[test]
    fn what_is_peeked_at_is_what_stands_there(bytes in 0usize..3000, looks in proptest::collection::vec((0u64..3500, 0usize..1500), 1..20)) {
        let content: Vec<u8> = (0..bytes).map(|n| (n % 251) as u8).collect();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("peeked");
        fs::write(&path, &content).unwrap();
        let file = File::open(&path).unwrap();
        let (mut peeked, mut expected) = (Peeked::new(&file).unwrap(), Cursor::new(content));
        for (place, bytes) in looks {
            prop_assert!(look(&mut peeked, place, bytes) == look(&mut expected, place, bytes));
            prop_assert_eq!(peeked.stream_position().unwrap(), expected.position());
        }
        prop_assert_eq!(peeked.seek(SeekFrom::End(0)).unwrap(), bytes as u64);
    }
}
