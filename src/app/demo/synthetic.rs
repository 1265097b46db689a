//! Synthetic letters: a realistic mix of channels, page counts and addresses, the same for the same number each time.
//!
//! Of ten letters, six are finished PDFs for exempt recipients or plain paper post, three are rows for a template, and one
//! goes to a recipient with Digital Post.

use super::lay::put;
use crate::app::config::Config;
use crate::app::watch::Watch;
use crate::pdf::draw::{LetterText, Window, letter};
use crate::pipeline::intake::Sender;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rayon::prelude::*;
use std::fmt::Write;
use std::io;
use std::ops::Range;

/// Letters laid down at once: the rows among them make one table a sender.
const BLOCK: u64 = 1_000;
/// Share of letters with so many pages, of a hundred: most municipal letters have one or two.
const PAGES: [(u64, usize); 8] = [(45, 1), (30, 2), (10, 3), (6, 4), (4, 5), (2, 6), (2, 8), (1, 12)];
const FIRST_NAMES: [&str; 12] =
    ["Åse", "Bjørn", "Cæcilie", "Ditte", "Egon", "Frøja", "Grethe", "Hjördis", "Jørgen", "Kåre", "Mælle", "Søren"];
const LAST_NAMES: [&str; 10] =
    ["Prøvesen", "Ægidius", "Testgaard", "Øllegaard", "Skrivesen", "Åmand", "Papirsen", "Kuvertsen", "Brevig", "Sidemand"];
const STREETS: [&str; 8] =
    ["Ærtevej", "Østre Skovallé", "Ågade", "Blæsbjergvej", "Møllestien", "Rådhusstræde", "Kløvermarken", "Søndergade"];
const TOWNS: [(&str, &str); 6] =
    [("6875", "Æblesund"), ("8495", "Granhøj"), ("9885", "Klitnæs"), ("5499", "Nørre Ås"), ("4295", "Sorø Østerby"), ("3799", "Rønnehuse")];
/// A full page of this text has some forty lines.
const PARAGRAPH: &str = "Vi har behandlet din henvendelse og sender dig her de oplysninger, som du har bedt om. Læs dem igennem, og \
    kontakt os, hvis noget er uklart. Du kan søge aktindsigt i din sag, og du kan klage over afgørelsen inden for fire uger. Klagen skal \
    sendes til kommunen, som vurderer sagen igen, før den eventuelt går videre til ankeinstansen.";
/// Paragraphs that fill one page.
const PARAGRAPHS_A_PAGE: usize = 8;

/// What one letter is, by its number alone.
struct Synthetic {
    number: u64,
    name: String,
    street: String,
    postcode: &'static str,
    town: &'static str,
    pages: usize,
}

impl Synthetic {
    fn of(number: u64) -> Self {
        // A fixed scramble, so that neighbours in the folder are not neighbours in the street.
        let pick = |salt: u64, of: usize| (number.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(salt as u32) % of as u64) as usize;
        let (postcode, town) = TOWNS[pick(3, TOWNS.len())];
        let mut share = pick(17, 100) as u64;
        let pages = PAGES
            .iter()
            .find(|(of, _)| {
                share < *of || {
                    share -= of;
                    false
                }
            })
            .map_or(1, |(_, pages)| *pages);
        Self {
            number,
            name: format!("{} {}", FIRST_NAMES[pick(5, FIRST_NAMES.len())], LAST_NAMES[pick(7, LAST_NAMES.len())]),
            street: format!("{} {}", STREETS[pick(11, STREETS.len())], 1 + pick(13, 180)),
            postcode,
            town,
            pages,
        }
    }

    /// Of a fictive series: 60 is added to the day.
    fn cpr(&self) -> String {
        let n = self.number;
        format!("{:02}{:02}{:02}{:04}", 61 + n % 28, 1 + n / 28 % 12, n / 336 % 100, 1000 + n / 33_600 % 9_000)
    }

    fn is_row(&self) -> bool {
        matches!(self.number % 10, 6..=8)
    }

    fn is_registered(&self) -> bool {
        self.number % 10 == 9
    }

    fn uuid(&self) -> String {
        format!("5f1e0000-0000-4000-8000-{:012x}", self.number)
    }

    fn pdf(&self) -> io::Result<Vec<u8>> {
        let window =
            Window { x_mm: 25.0, y_mm: 44.0, width_mm: 75.0, height_mm: 21.0, font_size_max_pt: 10.0, font_size_min_pt: 8.0, lines_max: 6 };
        let address = [self.name.clone(), self.street.clone(), format!("{} {}", self.postcode, self.town)];
        let paragraphs: Vec<String> =
            (0..self.pages * PARAGRAPHS_A_PAGE - 3).map(|n| format!("{}. Sag {}. {PARAGRAPH}", n + 1, self.number)).collect();
        let text = LetterText {
            title: "Brev",
            sender_lines: &[],
            address_lines: &address,
            date_line: "24. november 2026",
            heading: "Oplysninger i din sag",
            paragraphs: &paragraphs,
        };
        letter(&text, &window).map_err(|fault| io::Error::other(fault.to_string()))
    }
}

/// The register with the synthetic recipients added.
pub fn register(mut text: String, letters: u64) -> String {
    for number in 0..letters {
        let one = Synthetic::of(number);
        let status = if one.is_registered() { "registered" } else { "exempt" };
        let _ = writeln!(text, "{};{status}", one.cpr());
    }
    text
}

/// Lays these letters into the drop folders of all senders in turn.
pub fn lay(config: &Config, numbers: Range<u64>, watch: &dyn Watch) -> io::Result<()> {
    let mut first = numbers.start;
    while first < numbers.end {
        let block = first..numbers.end.min(first + BLOCK);
        for (index, sender) in config.senders.iter().enumerate() {
            let its = |number: &u64| number % config.senders.len() as u64 == index as u64;
            lay_messages(config, sender, block.clone().filter(its).map(Synthetic::of).filter(|s| !s.is_row()).collect())?;
            let rows: Vec<Synthetic> = block.clone().filter(its).map(Synthetic::of).filter(Synthetic::is_row).collect();
            if !rows.is_empty() {
                let path = config.drop.join(&sender.id).join(format!("synthetic-{first}")).join("letters.csv");
                put(&path, table(&rows).as_bytes())?;
            }
        }
        watch.step("samples", block.end - block.start);
        first = block.end;
    }
    Ok(())
}

fn lay_messages(config: &Config, sender: &Sender, letters: Vec<Synthetic>) -> io::Result<()> {
    letters.par_iter().try_for_each(|one| {
        let path = config.drop.join(&sender.id).join(format!("synthetic-{:08}.xml", one.number));
        put(&path, message(one, sender)?.as_bytes())
    })
}

fn table(rows: &[Synthetic]) -> String {
    let mut text =
        "dispatch_id;recipient_id;name;co;street;place;postcode;city;country;document;attachments;template;plex;colour;envelope;postage;\
         cost_group;sagsnummer;beloeb;frist\n"
            .to_owned();
    for one in rows {
        let Synthetic { name, street, postcode, town, number, .. } = one;
        let (id, cpr, amount) = (one.uuid(), one.cpr(), 100 + number % 9_000);
        let _ = writeln!(text, "{id};{cpr};{name};;{street};;{postcode};{town};;;;afgoerelse;;;;;;S-{number};{amount},00;8. januar 2027");
    }
    text
}

fn message(one: &Synthetic, sender: &Sender) -> io::Result<String> {
    let content = STANDARD.encode(one.pdf()?);
    let (uuid, cvr, cpr) = (one.uuid(), &sender.municipalities[0], one.cpr());
    let memo = format!(
        "<memo:Message xmlns:memo=\"https://DigitalPost.dk/MeMo-1\" memoVersion=\"1.2\"><memo:MessageHeader>\
         <memo:messageType>DIGITALPOST</memo:messageType><memo:messageUUID>{uuid}</memo:messageUUID><memo:label>Brev</memo:label>\
         <memo:Sender><memo:senderID>{cvr}</memo:senderID><memo:idType>CVR</memo:idType><memo:label>Kommune</memo:label></memo:Sender>\
         <memo:Recipient><memo:recipientID>{cpr}</memo:recipientID><memo:idType>CPR</memo:idType></memo:Recipient></memo:MessageHeader>\
         <memo:MessageBody><memo:createdDateTime>2026-11-24T18:00:00Z</memo:createdDateTime><memo:MainDocument><memo:File>\
         <memo:encodingFormat>application/pdf</memo:encodingFormat><memo:filename>brev.pdf</memo:filename><memo:language>da</memo:language>\
         <memo:content>{content}</memo:content></memo:File></memo:MainDocument></memo:MessageBody></memo:Message>"
    );
    if one.is_registered() {
        return Ok(format!("<kombi_request><KombiValgKode>Automatisk Valg</KombiValgKode>{memo}</kombi_request>"));
    }
    let physical = physical(one, &content);
    // Half of them ask for the choice, half for paper.
    Ok(match one.number % 2 {
        0 => format!("<kombi_request><KombiValgKode>Fysisk Post</KombiValgKode>{physical}</kombi_request>"),
        _ => format!("<kombi_request><KombiValgKode>Automatisk Valg</KombiValgKode>{physical}{memo}</kombi_request>"),
    })
}

fn physical(one: &Synthetic, content: &str) -> String {
    let Synthetic { name, street, postcode, town, .. } = one;
    format!(
        "<f:ForsendelseISamling xmlns:f=\"urn:oio:fjernprint:1.0.0\" xmlns:d=\"urn:oio:dkal:1.0.0\" xmlns:a=\"urn:oio:adir:dagpenge:2009.07.01\">\
         <f:ForsendelseI><f:AfsendelseIdentifikator>{}</f:AfsendelseIdentifikator><f:ForsendelseModtager><d:AfsendelseModtager>\
         <a:CPRnummerIdentifikator>0000000000</a:CPRnummerIdentifikator></d:AfsendelseModtager><f:ModtagerAdresse><PersonName>{name}</PersonName>\
         <PostalAddressFirstLineText>{street}</PostalAddressFirstLineText><PostalAddressSecondLineText>{postcode} {town}</PostalAddressSecondLineText>\
         <CountryIdentificationCode scheme=\"iso3166-alpha2\">DK</CountryIdentificationCode></f:ModtagerAdresse></f:ForsendelseModtager>\
         <d:FilformatNavn>pdf</d:FilformatNavn><d:MeddelelseIndholdData>{content}</d:MeddelelseIndholdData><f:DokumentParametre/></f:ForsendelseI>\
         </f:ForsendelseISamling>",
        one.uuid()
    )
}
