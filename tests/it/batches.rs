//! Small real batches, built by hand so that each step can be broken and everything after it be right.

use crate::pdf::{A4, pdf};
use fjernprint::domain::{BatchName, Colour, Envelope, LetterId, Plex, Postage, Sha256, sheets_of};
use fjernprint::pdf::join::join;
use fjernprint::vendor::{Container, VendorProfile};
use fjernprint::wire::cms;
use fjernprint::wire::manifest::{BatchFiles, Encrypted, EncryptedTo, FORMAT, FileEntry, LetterRow, Manifest, STREAM_FILE, letters_to_csv};
use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::extension::BasicConstraints;
use openssl::x509::{X509, X509NameBuilder};
use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

pub fn profile(vendor: &str) -> VendorProfile {
    let text = fs::read_to_string(format!("{}/vendors/{vendor}/profile.toml", env!("CARGO_MANIFEST_DIR"))).unwrap();
    VendorProfile::parse(&text).unwrap()
}

pub fn letter(number: u32) -> LetterId {
    format!("L{number:024x}").parse().unwrap()
}

/// RFC 3339. A signer's certificate is valid around now, so batches are sealed now.
pub fn seconds_ago(seconds: i64) -> String {
    (jiff::Timestamp::now() - jiff::SignedDuration::from_secs(seconds)).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A root and a certificate under it that signs.
pub struct Signer {
    pub root_pem: Vec<u8>,
    pub certificate: X509,
    pub key: PKey<Private>,
}

impl Signer {
    /// A signing certificate that is valid for so many days from today; negative ones have passed.
    pub fn valid(from_days: i64, to_days: i64) -> Self {
        Self::made(&[("CN", "signer")], from_days, to_days)
    }

    /// A signing certificate with this subject.
    pub fn named(subject: &[(&str, &str)]) -> Self {
        Self::made(subject, -1, 10)
    }

    fn made(subject: &[(&str, &str)], from_days: i64, to_days: i64) -> Self {
        let (root, root_key) = certificate(&[("CN", "root")], None, -30, 30);
        let (certificate, key) = certificate(subject, Some((&root, &root_key)), from_days, to_days);
        Self { root_pem: root.to_pem().unwrap(), certificate, key }
    }

    pub fn new() -> Self {
        Self::valid(-1, 10)
    }

    pub fn sign(&self, content: &[u8]) -> Vec<u8> {
        cms::sign(content, &self.certificate, &self.key, &[]).unwrap()
    }
}

fn certificate(fields: &[(&str, &str)], issuer: Option<(&X509, &PKey<Private>)>, from_days: i64, to_days: i64) -> (X509, PKey<Private>) {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
    let mut subject = X509NameBuilder::new().unwrap();
    fields.iter().for_each(|(field, text)| subject.append_entry_by_text(field, text).unwrap());
    let subject = subject.build();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
    let day = |days: i64| Asn1Time::from_unix(now + days * 86_400).unwrap();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_serial_number(&BigNum::from_u32(fields[0].1.len() as u32).unwrap().to_asn1_integer().unwrap()).unwrap();
    builder.set_subject_name(&subject).unwrap();
    builder.set_issuer_name(issuer.map_or(&*subject, |(c, _)| c.subject_name())).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.set_not_before(&day(from_days)).unwrap();
    builder.set_not_after(&day(to_days)).unwrap();
    if issuer.is_none() {
        builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
    }
    builder.sign(issuer.map_or(&key, |(_, k)| k), MessageDigest::sha256()).unwrap();
    (builder.build(), key)
}

/// Letters and their rows, before anything is hashed together.
pub struct Draft {
    vendor: String,
    container: Container,
    pub rows: Vec<LetterRow>,
    /// Name in the container, and PDF.
    pub members: Vec<(String, Vec<u8>)>,
    /// Bytes of a stream; made from the members when absent.
    pub stream: Option<Vec<u8>>,
}

impl Draft {
    /// Duplex letters `first`, `first + 1` and so on with these page counts, in the vendor's own container.
    pub fn new(vendor: &str, first: u32, pages: &[u32]) -> Self {
        let container = profile(vendor).batch.container;
        let members: Vec<_> =
            (first..).zip(pages).map(|(id, pages)| (format!("{}.pdf", letter(id)), pdf(&vec![A4; *pages as usize], |_, _| {}))).collect();
        let parts: Vec<&[u8]> = members.iter().map(|(_, pdf)| pdf.as_slice()).collect();
        let first_pages = join(&parts, true).unwrap().first_pages;
        let rows = members.iter().zip(pages).enumerate().map(|(index, ((file, pdf), pages))| LetterRow {
            seq: index as u32 + 1,
            letter_id: letter(first + index as u32),
            dispatch_id: format!("dispatch-{index}"),
            file: if container == Container::Stream { STREAM_FILE.to_owned() } else { file.clone() },
            first_page: if container == Container::Stream { first_pages[index] } else { 1 },
            pages: *pages,
            sheets: sheets_of(*pages, Plex::Duplex),
            bytes: pdf.len() as u64,
            sha256: Sha256(openssl::sha::sha256(pdf)),
            sha256_received: Sha256(openssl::sha::sha256(pdf)),
            plex: Plex::Duplex,
            colour: Colour::BlackWhite,
            envelope: Envelope::C5,
            postage: Postage::Economique,
            weight_g: 20,
            country: "DK".to_owned(),
            cost_group: String::new(),
            deadline: String::new(),
        });
        Self { vendor: vendor.to_owned(), container, rows: rows.collect(), members, stream: None }
    }

    pub fn seal(self) -> Sealed {
        let name = |rows: &[LetterRow]| -> BatchName {
            let hash = Sha256(openssl::sha::sha256(&letters_to_csv(rows).unwrap()));
            format!("FP-{}-99990011-20261124-7-{}", self.vendor, hash.short()).parse().unwrap()
        };
        let batch = name(&self.rows);
        let sum = |field: fn(&LetterRow) -> u64| self.rows.iter().map(field).sum::<u64>();
        let manifest = Manifest {
            format: FORMAT.to_owned(),
            vendor: self.vendor.parse().unwrap(),
            profile_version: "1".to_owned(),
            environment: "test".to_owned(),
            municipality_cvr: "99990011".parse().unwrap(),
            business_date: "2026-11-24".to_owned(),
            sequence: 7,
            created: seconds_ago(60),
            letters: self.rows.len() as u32,
            pages: sum(|row| row.pages.into()) as u32,
            sheets: sum(|row| row.sheets.into()) as u32,
            bytes: sum(|row| row.bytes),
            files: Vec::new(),
            encrypted: None,
            previous_manifest_sha256: None,
            replaces: None,
            withdrawn: Vec::new(),
            letters_merkle_sha256: None,
            batch: batch.clone(),
        };
        let mut files = self.container_files(&batch);
        files.push((BatchFiles::letters(&batch), letters_to_csv(&self.rows).unwrap()));
        let mut sealed = Sealed { files, manifest };
        sealed.vouch();
        sealed
    }

    fn container_files(&self, batch: &BatchName) -> Vec<(String, Vec<u8>)> {
        match self.container {
            Container::Zip => {
                let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
                for (name, bytes) in &self.members {
                    zip.start_file(name.as_str(), SimpleFileOptions::default().compression_method(CompressionMethod::Stored)).unwrap();
                    zip.write_all(bytes).unwrap();
                }
                vec![(format!("{batch}.zip"), zip.finish().unwrap().into_inner())]
            }
            Container::Files => self.members.iter().map(|(name, bytes)| (format!("{batch}/{name}"), bytes.clone())).collect(),
            Container::Stream => {
                let parts: Vec<&[u8]> = self.members.iter().map(|(_, pdf)| pdf.as_slice()).collect();
                let joined = || join(&parts, true).unwrap().bytes;
                vec![(format!("{batch}.pdf"), self.stream.clone().unwrap_or_else(joined))]
            }
        }
    }
}

fn entry((name, bytes): &(String, Vec<u8>)) -> FileEntry {
    FileEntry { name: name.clone(), bytes: bytes.len() as u64, sha256: Sha256(openssl::sha::sha256(bytes)) }
}

/// Files and manifest, not yet signed and written.
pub struct Sealed {
    pub files: Vec<(String, Vec<u8>)>,
    pub manifest: Manifest,
}

impl Sealed {
    pub fn batch(&self) -> BatchName {
        self.manifest.batch.clone()
    }

    /// Makes the manifest say what the files are.
    pub fn vouch(&mut self) {
        self.manifest.files = self.files.iter().map(entry).collect();
    }

    /// The same with the containers encrypted, and the plain ones that they were.
    pub fn encrypted(mut self, to: EncryptedTo, encrypt: impl Fn(&[u8]) -> Vec<u8>) -> (Self, Vec<(String, Vec<u8>)>) {
        let letters = self.files.pop().unwrap();
        let plain = std::mem::take(&mut self.files);
        let ending = to.ending();
        self.files = plain.iter().map(|(name, bytes)| (format!("{name}{ending}"), encrypt(bytes))).chain([letters]).collect();
        self.manifest.encrypted = Some(Encrypted { to, plain: plain.iter().map(entry).collect() });
        self.vouch();
        (self, plain)
    }

    /// Everything in the order it is delivered, the ready marker last.
    pub fn signed(&self, signer: &Signer) -> Vec<(String, Vec<u8>)> {
        self.signed_with(|manifest| signer.sign(manifest))
    }

    fn signed_with(&self, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> Vec<(String, Vec<u8>)> {
        let (batch, manifest) = (self.batch(), self.manifest.to_json());
        let signature = sign(&manifest);
        let mut all = self.files.clone();
        all.push((BatchFiles::manifest(&batch), manifest));
        all.push((BatchFiles::signature(&batch), signature));
        all.push((BatchFiles::ready(&batch), Vec::new()));
        all
    }

    pub fn write(&self, folder: &Path, signer: &Signer) -> BatchName {
        self.write_with(folder, |manifest| signer.sign(manifest))
    }

    pub fn write_with(&self, folder: &Path, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> BatchName {
        for (name, bytes) in self.signed_with(sign) {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        self.batch()
    }
}
