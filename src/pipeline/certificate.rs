//! What stands on the page about a letter's proof: in Danish, as a municipality hands it on, with the English below.

use crate::domain::Sha256;
use crate::domain::calendar::shown_in_denmark;
use crate::domain::state::LetterState;
use crate::domain::status::{BatchEvent, LetterEvent};
use crate::pdf::certificate::{Page, Section};
use crate::pipeline::proof::Shown;
use crate::wire::manifest::Manifest;
use crate::wire::proof::{Answer, Proof};
use crate::wire::receipt::VendorStatus;
use jiff::Timestamp;

/// Everything that the page speaks of.
pub struct Said<'a> {
    pub proof: &'a Proof,
    pub manifest: &'a Manifest,
    pub shown: &'a Shown,
    pub state: &'a LetterState,
    /// Of the proof's JSON, so that page and file belong together.
    pub proof_sha256: Sha256,
    /// Whose certificate signed the batch.
    pub signer: String,
    pub municipality: String,
    pub vendor: String,
}

/// The page.
pub fn page(said: &Said<'_>) -> Page {
    let title = both("Bevis for fjernprint af brev", "Proof of a letter sent by remote print (fjernprint)");
    Page { title, sections: vec![letter(said), batch(said), course(said), meaning(said), checking(said)] }
}

fn both(danish: &str, english: &str) -> [String; 2] {
    [danish.to_owned(), english.to_owned()]
}

fn value(danish: &str, english: &str, value: impl ToString) -> [String; 3] {
    [danish.to_owned(), english.to_owned(), value.to_string()]
}

fn letter(said: &Said<'_>) -> Section {
    let Said { state, shown, manifest, municipality, .. } = said;
    let mut values = vec![
        value("Brev-id", "letter id", &shown.letter_id),
        value("Afsender", "sender", format!("{municipality}, CVR {}", manifest.municipality_cvr)),
        value("Afsendelses-id", "sender's own identifier", format!("{} ({})", state.dispatch_id, state.sender)),
        value("Modtaget dokument, SHA-256", "document as received", shown.received_sha256),
        value("Printet dokument, SHA-256", "document as printed", shown.document_sha256),
    ];
    if let Some(job) = &state.job {
        values.push(value("Sider og ark", "pages and sheets", format!("{} / {}", job.pages, job.sheets)));
    }
    if let Some(first) = &state.reprint_of {
        values.push(value("Nyt tryk af brev", "another print of letter", first));
    }
    Section { heading: both("Brevet", "the letter"), values, sentences: Vec::new() }
}

fn batch(said: &Said<'_>) -> Section {
    let Said { manifest, proof, signer, vendor, .. } = said;
    let manifest_sha256 = Sha256(openssl::sha::sha256(&proof.manifest.content.0));
    let environment = if manifest.environment == "production" { "" } else { "  (TEST)" };
    let values = vec![
        value("Batch", "batch", format!("{}{environment}", manifest.batch)),
        value("Printleverandør", "print vendor", vendor),
        value("Manifest, SHA-256", "manifest", manifest_sha256),
        value("Underskrevet af", "signed by", signer),
    ];
    Section { heading: both("Batchen, som brevet blev leveret i", "the batch it was delivered in"), values, sentences: Vec::new() }
}

/// What happened, by the log and by the vendor's words; times of the log in Danish time.
fn course(said: &Said<'_>) -> Section {
    let mut values = Vec::new();
    for proved in &said.proof.entries {
        let entry = &proved.entry;
        let at = entry.at.parse::<Timestamp>().map_or_else(|_| entry.at.clone(), shown_in_denmark);
        let of_letter = serde_json::from_str::<LetterEvent>(&entry.data).ok().filter(|_| entry.kind == "letter");
        let of_batch = serde_json::from_str::<BatchEvent>(&entry.data).ok().filter(|_| entry.kind == "batch");
        let (danish, english, more) = match (of_letter, of_batch) {
            (Some(LetterEvent::Accepted { .. } | LetterEvent::Reprint { .. }), _) => ("Modtaget", "taken in", String::new()),
            (Some(LetterEvent::Batched { batch }), _) if batch == said.manifest.batch => {
                ("Pakket i batch", "put into the batch", String::new())
            }
            (Some(LetterEvent::Shipped { batch }), _) if batch == said.manifest.batch => {
                ("Leveret til printleverandør", "delivered to the vendor", String::new())
            }
            (Some(LetterEvent::Settled { word, .. }), _) => ("Leverandørens endelige svar", "the vendor's final word", spoken(&word)),
            (Some(LetterEvent::Returned { reason, .. }), _) => ("Kommet retur", "came back", reason),
            (_, Some(BatchEvent::Acknowledged { accepted, .. })) => {
                let word = if accepted { "godkendt (accepted)" } else { "afvist (rejected)" };
                ("Leverandørens kvittering", "the vendor's acknowledgement", word.to_owned())
            }
            _ => continue,
        };
        let more = if more.is_empty() { String::new() } else { format!(": {more}") };
        values.push(value(danish, english, format!("{at}  (log nr. {}){more}", entry.seq)));
    }
    let quoted = said.proof.answers.iter().rev().find_map(|answer| match answer {
        Answer::Receipt { quoted: Some(quoted), number, .. } => Some((quoted, number)),
        _ => None,
    });
    if let Some((quoted, number)) = quoted {
        let at = quoted.at.parse::<Timestamp>().map_or_else(|_| quoted.at.clone(), shown_in_denmark);
        let text = format!("{}, {at}  (leverandørens tid, kvittering {number})", spoken(quoted.status.word()));
        values.push(value("Leverandøren oplyser", "the vendor says", text));
    }
    Section { heading: both("Forløbet, dansk tid", "what happened, Danish time"), values, sentences: Vec::new() }
}

/// The vendor's word in Danish, with the word itself.
fn spoken(word: &str) -> String {
    let danish = match VendorStatus::from_word(word) {
        Some(VendorStatus::HandedOver) => "afleveret til postbefordring",
        Some(VendorStatus::Rejected) => "afvist, ikke printet",
        Some(VendorStatus::Cancelled) => "annulleret",
        Some(VendorStatus::Returned) => "kommet retur",
        Some(VendorStatus::Printed) => "printet",
        Some(VendorStatus::Enveloped) => "kuverteret",
        Some(VendorStatus::Received | VendorStatus::Accepted) => "modtaget",
        None => return word.to_owned(),
    };
    format!("{danish} ({word})")
}

fn meaning(said: &Said<'_>) -> Section {
    let covered = said.proof.entries.iter().filter(|proved| proved.anchor.is_some()).count();
    let signed = |answer: &Answer| matches!(answer, Answer::Ack { signature: Some(_), .. } | Answer::Receipt { signature: Some(_), .. });
    let (danish, english) = match !said.proof.answers.is_empty() && said.proof.answers.iter().all(signed) {
        true => ("underskrevet af leverandøren", "signed by the vendor"),
        false => ("ikke underskrevet af leverandøren", "not signed by the vendor"),
    };
    let mut sentences = vec![
        both(
            "Beviset viser, at netop dette dokument stod i den underskrevne batch, og at loggen siden er ubrudt for de viste hændelser.",
            "It shows that this very document stood in the signed batch, and that the log's entries shown here were not changed.",
        ),
        both(
            &format!(
                "Det viser ikke, at modtageren har fået brevet. Leverandørens svar er {danish}; loggen viser, hvad der blev hentet hos den, og hvornår."
            ),
            &format!(
                "It does not show that the recipient got it. The vendor's answers are {english}; the log shows what was fetched from it, and when."
            ),
        ),
    ];
    let (all, open) = (said.proof.entries.len(), said.proof.entries.len() - covered);
    sentences.push(if open == 0 {
        both(
            &format!("Alle {all} hændelser er dækket af et underskrevet dagshoved for loggen."),
            &format!("All {all} entries are covered by a signed daily head of the log."),
        )
    } else {
        both(
            &format!("{covered} af {all} hændelser er dækket af et underskrevet dagshoved for loggen; de øvrige bliver det med det næste."),
            &format!("{covered} of {all} entries are covered by a signed daily head of the log; the others will be by the next."),
        )
    });
    Section {
        heading: both("Hvad beviset viser, og hvad det ikke viser", "what it shows, and what it does not"),
        values: Vec::new(),
        sentences,
    }
}

fn checking(said: &Said<'_>) -> Section {
    let values = vec![value("Bevisfilens SHA-256", "hash of the proof file", said.proof_sha256)];
    let sentences = vec![both(
        "Filen kontrolleres uden adgang til kommunens systemer: fjernprint proof verify FIL.json --certificate ROD.pem --document BREV.pdf",
        "The file is checked without access to the municipality's systems: fjernprint proof verify FILE.json --certificate ROOT.pem --document LETTER.pdf",
    )];
    Section { heading: both("Kontrol", "checking it"), values, sentences }
}
