//! What persons order: who, what, why, and which plan they had seen. Each order has a number, and the events of letters,
//! batches and stops that it caused quote it.

use super::ids::{OrderId, Sha256};
use super::status::{IllegalEvent, Person};
use serde::{Deserialize, Serialize};

/// What was ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// Letters are kept back.
    Hold,
    /// Held letters go on.
    Release,
    /// Letters are called back (*tilbagekaldt*).
    Cancel,
    /// A batch is taken back before its vendor has it.
    Withdraw,
    /// What failed goes once more; nothing of it was printed.
    Retry,
    /// Letters are printed once more, as new letters.
    Reprint,
    /// Nothing more goes to vendors.
    Stop,
    /// A stop ends.
    Resume,
    /// A run may pass a gate that stopped it.
    Pass,
}

impl Deed {
    pub fn word(self) -> &'static str {
        match self {
            Self::Hold => "hold",
            Self::Release => "release",
            Self::Cancel => "cancel",
            Self::Withdraw => "withdraw",
            Self::Retry => "retry",
            Self::Reprint => "reprint",
            Self::Stop => "stop",
            Self::Resume => "resume",
            Self::Pass => "pass",
        }
    }
}

/// The order itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    pub deed: Deed,
    /// Letters, a batch, a vendor or a gate, in a few words.
    pub about: String,
    pub letters: u32,
    pub by: Person,
    /// As the person gave it, masked.
    pub reason: String,
    /// Hash of the plan that the person had seen, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Sha256>,
}

/// What happened to an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case", deny_unknown_fields)]
pub enum OrderEvent {
    /// It needs a second person, who has not spoken yet: nothing was done.
    Asked { order: Order },
    /// It was done, in one transaction with this.
    Done { order: Order },
    /// The second person ordered the same: it was done, in one transaction with this.
    Seconded { by: Person },
    /// The plan that was asked for does not hold any more: nothing was or will be done.
    Lapsed {},
}

impl OrderEvent {
    pub fn word(&self) -> &'static str {
        match self {
            Self::Asked { .. } => "asked",
            Self::Done { .. } => "done",
            Self::Seconded { .. } => "seconded",
            Self::Lapsed {} => "lapsed",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderStatus {
    /// Waits for a second person.
    Asked,
    Done,
    Lapsed,
}

impl OrderStatus {
    pub fn word(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Done => "done",
            Self::Lapsed => "lapsed",
        }
    }
}

/// Everything known of one order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderState {
    pub status: OrderStatus,
    pub order: Order,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second: Option<Person>,
}

impl OrderState {
    /// The order after one more event. The second person is another one than the first.
    pub fn after(before: Option<Self>, event: &OrderEvent) -> Result<Self, IllegalEvent> {
        let illegal = |status: &str| Err(IllegalEvent { status: status.to_owned(), event: event.word().to_owned() });
        match (before, event) {
            (None, OrderEvent::Asked { order }) => Ok(Self { status: OrderStatus::Asked, order: order.clone(), second: None }),
            (None, OrderEvent::Done { order }) => Ok(Self { status: OrderStatus::Done, order: order.clone(), second: None }),
            (Some(state), OrderEvent::Seconded { by }) if state.status == OrderStatus::Asked => {
                if !by.is_another_than(&state.order.by) {
                    return illegal("asked by the same person");
                }
                Ok(Self { status: OrderStatus::Done, second: Some(by.clone()), ..state })
            }
            (Some(state), OrderEvent::Lapsed {}) if state.status == OrderStatus::Asked => Ok(Self { status: OrderStatus::Lapsed, ..state }),
            (state, _) => illegal(state.map_or("nothing", |s| s.status.word())),
        }
    }
}

/// The stop button, for one vendor or all: whoever ships asks before anything gets its final name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case", deny_unknown_fields)]
pub enum StopEvent {
    Stopped { order: OrderId },
    Resumed { order: OrderId },
}

impl StopEvent {
    pub fn word(&self) -> &'static str {
        match self {
            Self::Stopped { .. } => "stopped",
            Self::Resumed { .. } => "resumed",
        }
    }

    /// What a stop is after one more event: its last one. Stopping twice is no fault, since the button is pressed in a hurry.
    pub fn after(before: Option<&Self>, event: &Self) -> Result<Self, IllegalEvent> {
        match (before, event) {
            (None | Some(Self::Resumed { .. }), Self::Resumed { .. }) => {
                Err(IllegalEvent { status: "not stopped".to_owned(), event: event.word().to_owned() })
            }
            _ => Ok(event.clone()),
        }
    }
}
