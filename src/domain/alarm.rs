//! Something that a person must know, and what became of it: raised once, told once, cleared when it is over.

use super::status::IllegalEvent;
use serde::{Deserialize, Serialize};

/// How pressing it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gravity {
    Notice,
    Warning,
    Grave,
}

impl Gravity {
    pub fn word(self) -> &'static str {
        match self {
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Grave => "grave",
        }
    }
}

/// An alarm as it was raised. Nothing personal stands in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alarm {
    /// Has a page in `explain`, which says whose it is.
    pub code: String,
    pub gravity: Gravity,
    /// A sender, batch, vendor, status or gate.
    pub about: String,
    /// RFC 3339, UTC: since when it is so, as far as that is known.
    pub since: String,
    pub message: String,
    /// What to run next.
    pub command: String,
}

impl Alarm {
    /// The same for the same trouble, whenever it is looked at.
    pub fn key(&self) -> String {
        format!("{}/{}", self.code, self.about)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case", deny_unknown_fields)]
pub enum AlarmEvent {
    Raised {
        alarm: Alarm,
    },
    /// It was raised already and became graver.
    Graver {
        alarm: Alarm,
    },
    Cleared {},
    /// The webhook took what is so now.
    Delivered {},
}

impl AlarmEvent {
    pub fn word(&self) -> &'static str {
        match self {
            Self::Raised { .. } => "raised",
            Self::Graver { .. } => "graver",
            Self::Cleared {} => "cleared",
            Self::Delivered {} => "delivered",
        }
    }
}

/// What the events of one alarm add up to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlarmState {
    pub raised: bool,
    /// As it was raised, or became graver, last.
    pub alarm: Alarm,
    /// How grave the webhook believes it to be; absent where it knows of nothing raised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<Gravity>,
}

impl AlarmState {
    /// `raised` or `cleared`.
    pub fn status(&self) -> &'static str {
        if self.raised { "raised" } else { "cleared" }
    }

    /// How grave the webhook should believe it to be.
    fn to_tell(&self) -> Option<Gravity> {
        self.raised.then_some(self.alarm.gravity)
    }

    /// Whether the webhook has to hear of it.
    pub fn is_news(&self) -> bool {
        self.told != self.to_tell()
    }

    pub fn after(before: Option<Self>, event: &AlarmEvent) -> Result<Self, IllegalEvent> {
        match (before, event) {
            (None, AlarmEvent::Raised { alarm }) => Ok(Self { raised: true, alarm: alarm.clone(), told: None }),
            (Some(state), AlarmEvent::Raised { alarm }) if !state.raised => Ok(Self { raised: true, alarm: alarm.clone(), ..state }),
            (Some(state), AlarmEvent::Graver { alarm }) if state.raised && alarm.gravity > state.alarm.gravity => {
                Ok(Self { alarm: alarm.clone(), ..state })
            }
            (Some(state), AlarmEvent::Cleared {}) if state.raised => Ok(Self { raised: false, ..state }),
            (Some(state), AlarmEvent::Delivered {}) if state.is_news() => Ok(Self { told: state.to_tell(), ..state }),
            (state, event) => {
                let status = state.map_or("nothing", |state| state.status()).to_owned();
                Err(IllegalEvent { status, event: event.word().to_owned() })
            }
        }
    }
}
