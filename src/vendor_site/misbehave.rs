//! Scripted misbehaviour: what a site's server does wrong, and exactly when. A script is a word with a parameter
//! (docs/vendor-guide.md has the table), and everything counts from the site's start, over all its sessions: the same
//! client that does the same gets the same.

use std::str::FromStr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Longest pause before each answer, milliseconds.
const SLOW_MS_MAX: u64 = 60_000;

/// What a client may ask of the server, as far as a script can name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    Open,
    Write,
    Close,
    Read,
    Stat,
    List,
    Mkdir,
    Remove,
    Rename,
}

impl Operation {
    const ALL: [(&'static str, Self); 9] = [
        ("open", Self::Open),
        ("write", Self::Write),
        ("close", Self::Close),
        ("read", Self::Read),
        ("stat", Self::Stat),
        ("list", Self::List),
        ("mkdir", Self::Mkdir),
        ("remove", Self::Remove),
        ("rename", Self::Rename),
    ];
}

/// What is said of a file that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    /// One byte less than it has.
    Short,
    /// That it is not there.
    Absent,
    /// Nothing of its size.
    NoSize,
}

impl Lie {
    const ALL: [(&'static str, Self); 3] = [("short", Self::Short), ("absent", Self::Absent), ("no-size", Self::NoSize)];
}

/// One thing that the server does wrong. `only` is the one time at which it happens, counted from 1; without it, each time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Misbehaviour {
    /// The connection breaks when so many bytes of content have come; once.
    Cut {
        bytes: u64,
    },
    /// The operation is done, and the connection breaks instead of the answer.
    LoseAnswer {
        of: Operation,
        only: Option<u64>,
    },
    /// So many bytes of content are kept; every write after them fails.
    DiskFull {
        bytes: u64,
    },
    /// So many bytes of content are kept; every write after them is answered with ok.
    Swallow {
        bytes: u64,
    },
    LyingStat {
        lie: Lie,
        only: Option<u64>,
    },
    /// A rename onto a name that is taken replaces the file.
    Overwrite,
    /// Complete files are taken away at once, whatever the profile says.
    Sweep,
    /// Each answer waits.
    Slow(Duration),
    /// The operation is not done: permission denied.
    Refuse {
        of: Operation,
        only: Option<u64>,
    },
    /// Each listing begins with names that are no names.
    HostileNames,
    /// No listing ends.
    EndlessListing,
    /// Another host key than the site's own, for as long as it runs.
    NewHostKey,
}

/// Why a script is not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("misbehaviour {script:?}: {why}")]
pub struct ScriptFault {
    pub script: String,
    pub why: String,
}

impl FromStr for Misbehaviour {
    type Err = ScriptFault;

    fn from_str(script: &str) -> Result<Self, ScriptFault> {
        parse(script).map_err(|why| ScriptFault { script: script.chars().take(80).collect(), why })
    }
}

fn parse(script: &str) -> Result<Misbehaviour, String> {
    let (word, parameter) = script.split_once('=').map_or((script, None), |(word, parameter)| (word, Some(parameter)));
    let given = || parameter.ok_or_else(|| format!("{word} needs a parameter"));
    let bytes = || given()?.parse::<u64>().map_err(|_| format!("{word} needs a number of bytes, as in {word}=40000"));
    let alone = |misbehaviour| if parameter.is_none() { Ok(misbehaviour) } else { Err(format!("{word} takes no parameter")) };
    match word {
        "cut" => Ok(Misbehaviour::Cut { bytes: bytes()? }),
        "disk-full" => Ok(Misbehaviour::DiskFull { bytes: bytes()? }),
        "swallow" => Ok(Misbehaviour::Swallow { bytes: bytes()? }),
        "lose-answer" => choice(given()?, &Operation::ALL).map(|(of, only)| Misbehaviour::LoseAnswer { of, only }),
        "refuse" => choice(given()?, &Operation::ALL).map(|(of, only)| Misbehaviour::Refuse { of, only }),
        "lying-stat" => choice(parameter.unwrap_or("short"), &Lie::ALL).map(|(lie, only)| Misbehaviour::LyingStat { lie, only }),
        "slow" => {
            let number = given()?.strip_suffix("ms").and_then(|number| number.parse().ok()).filter(|ms| *ms <= SLOW_MS_MAX);
            let ms = number.ok_or_else(|| format!("slow needs milliseconds, at most {SLOW_MS_MAX}, as in slow=20ms"))?;
            Ok(Misbehaviour::Slow(Duration::from_millis(ms)))
        }
        "overwrite" => alone(Misbehaviour::Overwrite),
        "sweep" => alone(Misbehaviour::Sweep),
        "hostile-names" => alone(Misbehaviour::HostileNames),
        "endless-listing" => alone(Misbehaviour::EndlessListing),
        "new-host-key" => alone(Misbehaviour::NewHostKey),
        _ => {
            Err("is not known; known are cut, lose-answer, disk-full, swallow, lying-stat, overwrite, sweep, slow, refuse, hostile-names, \
                  endless-listing and new-host-key"
                .to_owned())
        }
    }
}

/// `WORD` or `WORD:N`.
fn choice<T: Copy>(parameter: &str, known: &[(&str, T)]) -> Result<(T, Option<u64>), String> {
    let (word, number) = parameter.split_once(':').map_or((parameter, None), |(word, number)| (word, Some(number)));
    let found = known.iter().find(|(name, _)| *name == word).map(|(_, value)| *value);
    let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
    let found = found.ok_or_else(|| format!("{word:?} is none of {}", names.join(", ")))?;
    let counted = |text: &str| text.parse().ok().filter(|n| *n > 0).ok_or_else(|| format!("{text:?} is not a number from 1"));
    Ok((found, number.map(counted).transpose()?))
}

/// Names that a client must never use as a path, show as they are, or start a command with.
pub const HOSTILE_NAMES: [&str; 14] = [
    ".",
    "..",
    "../../../../tmp/fjernprint-escaped",
    "/etc/passwd",
    "in/../../escaped",
    "-rf",
    "new\nline",
    "nul\0byte",
    "\u{202e}fdp.txt",
    "CON",
    "=cmd|' /C calc'!A0",
    "$(touch escaped)",
    "\\..\\..\\escaped",
    // Last: to libssh2 a name without a letter is the end of the list.
    "",
];

/// What becomes of one write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    pub bytes: usize,
    pub then: Then,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    Ok,
    Fail,
    BreakOff,
}

/// Told what was done wrong.
type Note = Box<dyn Fn(&str) + Send + Sync>;

/// A site's misbehaviour at work: the scripts, and how far each has come.
#[derive(Default)]
pub struct Mischief {
    scripts: Vec<Misbehaviour>,
    asked: [AtomicU64; Operation::ALL.len()],
    stats: AtomicU64,
    received: AtomicU64,
    told_full: AtomicBool,
    note: Option<Note>,
}

impl Mischief {
    /// `note` is told what was done wrong, for the site's log.
    pub fn new(scripts: Vec<Misbehaviour>, note: Note) -> Self {
        Self { scripts, note: Some(note), ..Self::default() }
    }

    pub fn has(&self, misbehaviour: &Misbehaviour) -> bool {
        self.scripts.contains(misbehaviour)
    }

    fn tell(&self, text: &str) {
        if let Some(note) = &self.note {
            note(&format!("misbehaves: {text}"));
        }
    }

    /// The number of this operation among its kind, from 1.
    pub fn count(&self, operation: Operation) -> u64 {
        self.asked[operation as usize].fetch_add(1, Ordering::SeqCst) + 1
    }

    pub fn pause(&self) -> Duration {
        self.scripts.iter().map(|script| if let Misbehaviour::Slow(pause) = script { *pause } else { Duration::ZERO }).sum()
    }

    pub fn refuses(&self, operation: Operation, number: u64) -> bool {
        let is_this = |script: &Misbehaviour| matches!(script, Misbehaviour::Refuse { of, only } if *of == operation && at(*only, number));
        let refused = self.scripts.iter().any(is_this);
        if refused {
            self.tell(&format!("refused {operation:?} {number}"));
        }
        refused
    }

    pub fn loses_answer(&self, operation: Operation, number: u64) -> bool {
        let is_this =
            |script: &Misbehaviour| matches!(script, Misbehaviour::LoseAnswer { of, only } if *of == operation && at(*only, number));
        let lost = self.scripts.iter().any(is_this);
        if lost {
            self.tell(&format!("lost the answer to {operation:?} {number}"));
        }
        lost
    }

    /// Asked once for each look at a file that is there.
    pub fn lie(&self) -> Option<Lie> {
        let number = self.stats.fetch_add(1, Ordering::SeqCst) + 1;
        let lie = self.scripts.iter().find_map(|script| match script {
            Misbehaviour::LyingStat { lie, only } if at(*only, number) => Some(*lie),
            _ => None,
        });
        if let Some(lie) = lie {
            self.tell(&format!("lied about a file: {lie:?}"));
        }
        lie
    }

    /// How much of a write of so many bytes is kept.
    pub fn take(&self, bytes: usize) -> Kept {
        let before = self.received.fetch_add(bytes as u64, Ordering::SeqCst);
        let room = |limit: u64| usize::try_from(limit.saturating_sub(before)).unwrap_or(usize::MAX).min(bytes);
        let mut kept = Kept { bytes, then: Then::Ok };
        for script in &self.scripts {
            let (limit, then) = match script {
                // The write that reaches the limit, and no later one.
                Misbehaviour::Cut { bytes: limit } if before < (*limit).max(1) && before + bytes as u64 >= *limit => {
                    (*limit, Then::BreakOff)
                }
                Misbehaviour::DiskFull { bytes: limit } if before + bytes as u64 > *limit => (*limit, Then::Fail),
                Misbehaviour::Swallow { bytes: limit } if before + bytes as u64 > *limit => (*limit, Then::Ok),
                _ => continue,
            };
            if room(limit) <= kept.bytes {
                kept = Kept { bytes: room(limit), then };
            }
            if then == Then::BreakOff || !self.told_full.swap(true, Ordering::SeqCst) {
                self.tell(&format!("kept {} bytes of content and no more: {then:?}", before + kept.bytes as u64));
            }
        }
        kept
    }
}

/// Whether something happens this time.
fn at(only: Option<u64>, number: u64) -> bool {
    only.is_none_or(|only| only == number)
}
