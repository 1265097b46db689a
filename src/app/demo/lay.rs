//! Finds the sample night and lays it into the drop folders, as the senders' systems would have done in the evening.

use super::synthetic;
use crate::adapters::store::{private_folder, sync_around};
use crate::app::config::Config;
use crate::app::fault::Fault;
use crate::app::watch::Watch;
use crate::domain::Sha256;
use crate::wire::table::TABLE_NAME;
use include_dir::{Dir, include_dir};
use std::collections::BTreeMap;
use std::fs::{self, File, FileTimes};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

static BUILT_IN: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/sample-batches");
/// Files were laid down this long ago, for the clock of the drop folder.
const LAID_AGO: Duration = Duration::from_secs(3_600);
const SAMPLE_BYTES_MAX: u64 = 100 << 20;
const LAID: &str = ".laid";
const EXPECTED: &str = "expected.csv";

/// The sample night, by path below its folder.
pub struct Samples {
    files: BTreeMap<PathBuf, Vec<u8>>,
}

impl Samples {
    /// The folder that is named, or `sample-batches` where the program was started, or the one that is built in.
    pub fn find(folder: Option<&Path>) -> Result<Self, Fault> {
        let here = Path::new("sample-batches");
        let folder = folder.or_else(|| here.join("municipalities.toml").is_file().then_some(here));
        let mut files = BTreeMap::new();
        match folder {
            Some(folder) => read_folder(folder, folder, &mut files)?,
            None => built_in(&BUILT_IN, &mut files),
        }
        Ok(Self { files })
    }

    fn text(&self, name: &str) -> Result<String, Fault> {
        let missing = || Fault::usage("FP-C001", format!("the samples have no {name}"));
        let bytes = self.files.get(Path::new(name)).ok_or_else(missing)?;
        String::from_utf8(bytes.clone()).map_err(|_| Fault::usage("FP-C001", format!("the samples' {name} is not UTF-8")))
    }

    pub fn municipalities(&self) -> Result<String, Fault> {
        self.text("municipalities.toml")
    }

    pub fn register(&self) -> Result<String, Fault> {
        self.text("register.csv")
    }

    /// Each sender's expectations: sender, the text of expected.csv.
    pub fn expectations(&self) -> impl Iterator<Item = (String, &[u8])> {
        self.files.iter().filter(|(path, _)| path.ends_with(EXPECTED)).filter_map(|(path, bytes)| {
            let sender = path.parent()?.file_name()?.to_str()?.to_owned();
            Some((sender, bytes.as_slice()))
        })
    }

    /// Messages and tables: sender, file below its folder, hash of its bytes.
    pub fn handed_in(&self) -> Vec<(String, String, Sha256)> {
        let is_input = |path: &Path| path.ends_with(TABLE_NAME) || path.extension().is_some_and(|e| e.eq_ignore_ascii_case("xml"));
        let split = |(path, bytes): (&Path, &[u8])| {
            let (sender, file) = path.to_str()?.split_once('/')?;
            Some((sender.to_owned(), file.to_owned(), Sha256(openssl::sha::sha256(bytes))))
        };
        self.drops().filter(|(path, _)| is_input(path)).filter_map(split).collect()
    }

    /// What goes into the drop folders: everything in a sender's folder but what is expected of it.
    fn drops(&self) -> impl Iterator<Item = (&Path, &[u8])> {
        let in_folder = |path: &Path| path.components().count() > 1;
        let files = self.files.iter().map(|(path, bytes)| (path.as_path(), bytes.as_slice()));
        files.filter(move |(path, _)| in_folder(path) && !path.ends_with(EXPECTED))
    }
}

fn built_in(dir: &Dir<'_>, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for file in dir.files() {
        files.insert(file.path().to_owned(), file.contents().to_owned());
    }
    dir.dirs().for_each(|inner| built_in(inner, files));
}

fn read_folder(root: &Path, folder: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) -> Result<(), Fault> {
    let failed = |e: std::io::Error| Fault::usage("FP-C001", format!("reading the samples in {}: {e}", folder.display()));
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            read_folder(root, &path, files)?;
            continue;
        }
        let mut bytes = Vec::new();
        File::open(&path).and_then(|f| f.take(SAMPLE_BYTES_MAX).read_to_end(&mut bytes)).map_err(failed)?;
        files.insert(path.strip_prefix(root).unwrap_or(&path).to_owned(), bytes);
    }
    Ok(())
}

/// Lays samples and synthetic letters down, once: what was laid is noted when all of it lies there.
pub fn lay(samples: &Samples, letters: u64, config: &Config, watch: &dyn Watch) -> Result<(), Fault> {
    let note = config.drop.join(LAID);
    let laid: Option<u64> = fs::read_to_string(&note).ok().and_then(|text| text.trim().parse().ok());
    let failed = |e: std::io::Error| Fault::io(format!("laying samples into {}", config.drop.display()), &e);
    if laid.is_none() {
        for (path, bytes) in samples.drops() {
            put(&config.drop.join(path), bytes).map_err(failed)?;
        }
    }
    let first = laid.unwrap_or(0);
    if letters > first {
        watch.begin("samples", Some(letters - first));
        synthetic::lay(config, first..letters, watch).map_err(failed)?;
        watch.end("samples");
    }
    if laid.is_none_or(|laid| laid < letters) {
        put(&note, format!("{letters}\n").as_bytes()).map_err(failed)?;
    }
    // Senders laid their files down in the evening: writing them back to the disk is no part of the night.
    sync_around(&config.drop).map_err(failed)
}

/// Writes a file as if it had been laid down some time ago.
pub(super) fn put(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        private_folder(folder)?;
    }
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.set_times(FileTimes::new().set_modified(SystemTime::now() - LAID_AGO))
}
