//! What the events of one letter, batch or file add up to: the ledger's tables hold these, and its verifier makes them
//! anew from the log.

use super::ids::{BatchName, Cvr, LetterId, OrderId, Sha256, VendorId};
use super::print::PrintJob;
use super::status::{BatchEvent, BatchStatus, IllegalEvent, LetterEvent, LetterStatus, Person, Question, batch_after, letter_after};
use serde::{Deserialize, Serialize};

/// Code of a letter that a person keeps back.
pub const WITHHELD: &str = "FP-O001";
/// Code of a letter that a person called back.
pub const RECALLED: &str = "FP-O002";

/// Everything known of one letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LetterState {
    pub status: LetterStatus,
    pub municipality: Cvr,
    pub sender: String,
    /// AfsendelseIdentifikator or messageUUID: the sender's own identifier.
    pub dispatch_id: String,
    /// Of the night that took it in.
    pub business_date: String,
    pub original: Sha256,
    pub part: u32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub documents: Vec<Sha256>,
    /// Why it is held or rejected: code and sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<(String, String)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<PrintJob>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<BatchName>,
    /// The vendor's last word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub word: Option<String>,
    /// The same in the vendor's own words, where they are others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said: Option<String>,
    /// A person decided that it goes on paper; the register is not asked.
    #[serde(default, skip_serializing_if = "is_false")]
    pub to_print: bool,
    /// How far its recall (*tilbagekald*) has come, where one was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recall: Option<Recall>,
    /// The letter that this one is another print of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reprint_of: Option<LetterId>,
    /// The last other print of this letter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reprinted_as: Option<LetterId>,
}

fn is_false(value: &bool) -> bool {
    !value
}

/// How far a recall has come: the words of OIO fjernprint's TilbagekaldStatusKode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recall {
    /// `Tilbagekaldt`: no vendor had it, or the vendor says that it was not printed.
    Recalled,
    /// `Afventer tilbagekald`: whether the vendor has it is not known yet.
    Waiting,
    /// `Tilbagekald ikke muligt`: the vendor had it when it was asked for.
    Impossible,
    /// `Tilbagekald lykkedes ikke`: it was asked for in time, and turned out to be too late.
    Unsuccessful,
    /// `Tilbagekald fejlet`: something broke, and nothing was changed.
    Failed,
}

impl Recall {
    pub const ALL: [Self; 5] = [Self::Recalled, Self::Waiting, Self::Impossible, Self::Unsuccessful, Self::Failed];

    /// As the ledger spells it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Recalled => "recalled",
            Self::Waiting => "waiting",
            Self::Impossible => "impossible",
            Self::Unsuccessful => "unsuccessful",
            Self::Failed => "failed",
        }
    }

    /// TilbagekaldStatusKode, as the standard spells it.
    pub fn oio(self) -> &'static str {
        match self {
            Self::Recalled => "Tilbagekaldt",
            Self::Waiting => "Afventer tilbagekald",
            Self::Impossible => "Tilbagekald ikke muligt",
            Self::Unsuccessful => "Tilbagekald lykkedes ikke",
            Self::Failed => "Tilbagekald fejlet",
        }
    }
}

impl LetterState {
    /// The letter after one more event. An event about another batch than the letter's is illegal too.
    pub fn after(before: Option<Self>, event: &LetterEvent) -> Result<Self, IllegalEvent> {
        use LetterEvent as E;
        let status = letter_after(before.as_ref().map(|s| s.status), event)?;
        let Some(mut state) = before else { return Self::first(status, event) };
        state.status = status;
        match event {
            E::Held { code, message } => {
                state.reason = Some((code.clone(), message.clone()));
                state.job = None;
            }
            E::Rejected { code, message } => state.reason = Some((code.clone(), message.clone())),
            E::Validated { job } => state.job = Some(job.clone()),
            E::Batched { batch } => state.batch = Some(batch.clone()),
            E::Shipped { batch } => state.expect_batch(batch, event)?,
            E::Progressed { batch, word, said } | E::Settled { batch, word, said } => {
                state.expect_batch(batch, event)?;
                (state.word, state.said) = (Some(word.clone()), said.clone());
            }
            E::Returned { batch, reason, said } => {
                state.expect_batch(batch, event)?;
                (state.word, state.said) = (Some(format!("returned {reason}")), said.clone());
            }
            E::Withheld { order } => {
                state.reason = Some((WITHHELD.to_owned(), format!("kept back by a person, see order {order}")));
                state.job = None;
            }
            E::Freed { to_print, .. } => {
                state.anew();
                state.to_print = *to_print;
            }
            E::Retried { .. } => state.anew(),
            E::Unbatched { batch, .. } => {
                state.expect_batch(batch, event)?;
                state.anew();
            }
            E::RecallAsked { .. } => state.recall = Some(Recall::Waiting),
            E::RecallFailed {} if state.recall == Some(Recall::Waiting) => state.recall = Some(Recall::Unsuccessful),
            E::RecallFailed {} => return Err(IllegalEvent { status: "not called back".to_owned(), event: event.word().to_owned() }),
            E::Recalled { order } => {
                state.recall = Some(Recall::Recalled);
                state.reason = Some((RECALLED.to_owned(), format!("called back, see order {order}")));
            }
            E::Reordered { as_letter, .. } => state.reprinted_as = Some(as_letter.clone()),
            E::Accepted { .. } | E::Reprint { .. } | E::DeliveredDigitally { .. } => {}
        }
        Ok(state)
    }

    /// What its last way through the pipeline made of it is forgotten; it goes through once more.
    fn anew(&mut self) {
        (self.reason, self.job, self.batch, self.word, self.said) = (None, None, None, None, None);
    }

    /// The word that a letter of this status is counted under: the vendor's, or the code of the reason; empty for the rest.
    pub fn counted_under(&self) -> &str {
        match self.status {
            LetterStatus::Held | LetterStatus::Rejected | LetterStatus::Cancelled => self.reason.as_ref().map_or("", |(code, _)| code),
            LetterStatus::Shipped | LetterStatus::Settled | LetterStatus::Returned => self.word.as_deref().unwrap_or_default(),
            _ => "",
        }
    }

    fn first(status: LetterStatus, event: &LetterEvent) -> Result<Self, IllegalEvent> {
        let (LetterEvent::Accepted { municipality, sender, dispatch_id, business_date, original, part, documents }
        | LetterEvent::Reprint { municipality, sender, dispatch_id, business_date, original, part, documents, .. }) = event
        else {
            return Err(IllegalEvent { status: "nothing".to_owned(), event: event.word().to_owned() });
        };
        let reprint_of = if let LetterEvent::Reprint { of, .. } = event { Some(of.clone()) } else { None };
        Ok(Self {
            status,
            municipality: municipality.clone(),
            sender: sender.clone(),
            dispatch_id: dispatch_id.clone(),
            business_date: business_date.clone(),
            original: *original,
            part: *part,
            documents: documents.clone(),
            reason: None,
            job: None,
            batch: None,
            word: None,
            said: None,
            to_print: reprint_of.is_some(),
            recall: None,
            reprint_of,
            reprinted_as: None,
        })
    }

    fn expect_batch(&self, batch: &BatchName, event: &LetterEvent) -> Result<(), IllegalEvent> {
        if self.batch.as_ref() == Some(batch) {
            return Ok(());
        }
        Err(IllegalEvent { status: format!("{} in another batch", self.status.word()), event: event.word().to_owned() })
    }
}

/// Everything known of one batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchState {
    pub status: BatchStatus,
    pub vendor: VendorId,
    pub municipality: Cvr,
    pub business_date: String,
    /// The vendor's running number.
    pub sequence: u64,
    pub manifest: Sha256,
    pub signature: Sha256,
    pub letters: u32,
    pub pages: u32,
    pub sheets: u32,
    pub bytes: u64,
    /// Uploads begun.
    pub attempts: u32,
    /// The highest number of a receipt that was applied.
    pub receipts: u32,
    /// Numbers below it that were not: the vendor owes them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<u32>,
    /// What receipts say and nobody has explained.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub questions: Vec<Question>,
    /// The first person who said that it may go, where two must.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved: Option<Person>,
    /// The second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released: Option<Person>,
    /// What the vendor said when it refused.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// The order that took it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<OrderId>,
}

impl BatchState {
    /// Taken back before its vendor had it.
    pub fn never_comes(&self) -> bool {
        self.status == BatchStatus::Withdrawn && self.reason.is_empty()
    }

    /// The batch after one more event. Receipts come in any order and none twice.
    pub fn after(before: Option<Self>, event: &BatchEvent) -> Result<Self, IllegalEvent> {
        use BatchEvent as E;
        let status = batch_after(before.as_ref().map(|s| s.status), event)?;
        let illegal = |why: &str| IllegalEvent { status: why.to_owned(), event: event.word().to_owned() };
        let Some(mut state) = before else {
            let E::Sealed { vendor, municipality, business_date, sequence, manifest, signature, letters, pages, sheets, bytes } = event
            else {
                return Err(illegal("nothing"));
            };
            return Ok(Self {
                status,
                vendor: vendor.clone(),
                municipality: municipality.clone(),
                business_date: business_date.clone(),
                sequence: *sequence,
                manifest: *manifest,
                signature: *signature,
                letters: *letters,
                pages: *pages,
                sheets: *sheets,
                bytes: *bytes,
                attempts: 0,
                receipts: 0,
                gaps: Vec::new(),
                questions: Vec::new(),
                approved: None,
                released: None,
                reason: String::new(),
                withdrawn: None,
            });
        };
        state.status = status;
        match event {
            E::Approved { manifest, .. } | E::Released { manifest, .. } if *manifest != state.manifest => {
                return Err(illegal("another manifest"));
            }
            E::Approved { by, .. } if state.approved.is_none() && state.released.is_none() => state.approved = Some(by.clone()),
            E::Released { by, .. } if state.approved.as_ref().is_some_and(|first| by.is_another_than(first)) => {
                state.released = Some(by.clone());
            }
            E::Approved { .. } | E::Released { .. } => return Err(illegal("another person expected")),
            // Once is enough: a batch that was released is not stopped by asking again.
            E::ReleaseRequired {} if state.released.is_some() => return Err(illegal("released")),
            E::UploadStarted { attempt } => state.attempts = *attempt,
            E::Acknowledged { reason, .. } => state.reason = reason.clone(),
            E::Withdrawn { order } => state.withdrawn = Some(order.clone()),
            E::Answered { number, questions, .. } => {
                state.count(*number).ok_or_else(|| illegal("another receipt number expected"))?;
                let new = questions.iter().filter(|q| !state.questions.contains(q)).cloned().collect::<Vec<_>>();
                state.questions.extend(new);
            }
            E::Explained { code, letter, .. } => {
                let before = state.questions.len();
                state.questions.retain(|question| (&question.code, &question.letter) != (code, letter));
                if state.questions.len() == before {
                    return Err(illegal("no such question"));
                }
            }
            E::Sealed { .. } | E::ReleaseRequired {} | E::ReadyIntended {} | E::Shipped {} | E::Settled {} => {}
        }
        Ok(state)
    }
}

/// Receipts that may lie between the last one that was applied and the next.
pub const RECEIPT_GAP_MAX: u32 = 8;

impl BatchState {
    /// Counts a receipt; `None` for one that was counted, or that lies too far ahead.
    fn count(&mut self, number: u32) -> Option<()> {
        if let Some(at) = self.gaps.iter().position(|gap| *gap == number) {
            self.gaps.remove(at);
            return Some(());
        }
        let ahead = number.checked_sub(self.receipts)?;
        if ahead == 0 || ahead > RECEIPT_GAP_MAX + 1 {
            return None;
        }
        self.gaps.extend(self.receipts + 1..number);
        self.receipts = number;
        Some(())
    }
}

/// A file that a sender handed in: what was made of it. It is recorded once, under the sender and the hash of its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case", deny_unknown_fields)]
pub enum IntakeEvent {
    /// `letters` of it are ours to bring home now; rows that were refused on the way are rejected letters.
    Taken { file: String, business_date: String, letters: u32 },
    /// No letter came of it; the bytes are kept.
    Refused { file: String, business_date: String, code: String, message: String },
}

impl IntakeEvent {
    /// `taken` or `refused`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Taken { .. } => "taken",
            Self::Refused { .. } => "refused",
        }
    }
}
