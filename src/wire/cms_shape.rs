//! The one shape that a signature of ours has: one signer, named by its certificate, over bytes that lie elsewhere, and
//! nothing that no signature covers.
//!
//! OpenSSL overlooks some bytes when it verifies: versions, the content's type, the capitals of an issuer's name, the name
//! of the signature's algorithm, and whatever follows. A signature with other bytes there is as good, but it is not what
//! was sent, and a vendor that keeps it as a proof keeps something that nobody signed. RFC 5652 names the fields.

/// Enough for a signature of [`super::cms::SIGNATURE_BYTES_MAX`].
const LENGTH_BYTES_MAX: usize = 3;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OCTETS: u8 = 0x04;
const NAME: u8 = 0x06;
const TAGGED_0: u8 = 0xA0;
const NULL: &[u8] = &[0x05, 0x00];
const VERSION_1: &[u8] = &[0x02, 0x01, 0x01];
/// 1.2.840.113549.1.7.2.
const SIGNED_DATA: &[u8] = &[0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x02];
/// A sequence of nothing but 1.2.840.113549.1.7.1.
const DETACHED_DATA: &[u8] = &[0x30, 0x0B, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x01];
/// 2.16.840.1.101.3.4.2, then 1 for SHA-256, 2 for SHA-384, 3 for SHA-512.
const SHA_2: &[u8] = &[0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02];
/// 1.2.840.10045.4.3, then one more than the hash has above.
const ECDSA_SHA_2: &[u8] = &[0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03];
/// 1.2.840.113549.1.1, then 1 for RSA alone, 10 for PSS, and 10 more than the hash has above.
const RSA: &[u8] = &[0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01];

/// One value in DER: its tag, what it holds, and all of it.
#[derive(Clone, Copy)]
struct Value<'a> {
    tag: u8,
    content: &'a [u8],
    whole: &'a [u8],
}

/// Values that stand one after another.
#[derive(Clone, Copy)]
struct Values<'a>(&'a [u8]);

impl<'a> Iterator for Values<'a> {
    type Item = Value<'a>;

    /// The next one; `None` at the end, and where the bytes are no DER.
    fn next(&mut self) -> Option<Value<'a>> {
        let (tag, first) = (*self.0.first()?, usize::from(*self.0.get(1)?));
        let (length, from) = match first {
            short @ 0..0x80 => (short, 2),
            long => {
                let digits = self.0.get(2..2 + (long - 0x80)).filter(|digits| (1..=LENGTH_BYTES_MAX).contains(&digits.len()))?;
                (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), 2 + digits.len())
            }
        };
        let value = Value { tag, content: self.0.get(from..from + length)?, whole: &self.0[..from + length] };
        self.0 = &self.0[from + length..];
        Some(value)
    }
}

impl<'a> Values<'a> {
    /// The next one, which must have this tag.
    fn of(&mut self, tag: u8) -> Option<Value<'a>> {
        self.next().filter(|value| value.tag == tag)
    }

    /// The only one, which must have this tag.
    fn only(bytes: &'a [u8], tag: u8) -> Option<Value<'a>> {
        let mut values = Self(bytes);
        values.of(tag).filter(|_| values.0.is_empty())
    }
}

/// Whether it is signed data that carries its content, whatever else is wrong with it.
pub fn is_attached(signature_der: &[u8]) -> bool {
    let content = || {
        let mut outer = Values(Values(signature_der).of(SEQUENCE)?.content);
        outer.next().filter(|name| name.whole == SIGNED_DATA)?;
        let mut signed = Values(Values(outer.of(TAGGED_0)?.content).of(SEQUENCE)?.content);
        let (_version, _digests) = (signed.next()?, signed.of(SET)?);
        let mut content = Values(signed.of(SEQUENCE)?.content);
        content.of(NAME)?;
        content.of(TAGGED_0)
    };
    content().is_some()
}

/// Whether these bytes have the shape; what is wrong otherwise. Says nothing about the signature itself.
pub fn check(signature_der: &[u8]) -> Result<(), &'static str> {
    let outer = Values::only(signature_der, SEQUENCE).ok_or("has bytes after its end")?;
    let mut outer = Values(outer.content);
    let named = outer.next().filter(|name| name.whole == SIGNED_DATA);
    let signed = named.and_then(|_| outer.of(TAGGED_0)).and_then(|signed| Values::only(signed.content, SEQUENCE));
    let mut signed = Values(signed.filter(|_| outer.0.is_empty()).ok_or("is no signed data")?.content);
    signed.next().filter(|version| version.whole == VERSION_1).ok_or("has another version")?;
    let digests = signed.of(SET).ok_or("names no hash")?;
    signed.next().filter(|content| content.whole == DETACHED_DATA).ok_or("is over something else than bytes of their own")?;
    let certificates = signed.of(TAGGED_0).ok_or("carries no certificate")?;
    let signers = signed.of(SET).filter(|_| signed.0.is_empty()).ok_or("carries something that nobody signed")?;
    let signer = Values::only(signers.content, SEQUENCE).ok_or("has not one signer")?;
    check_signer(Values(signer.content), digests.content, certificates.content)
}

fn check_signer(mut signer: Values<'_>, digests: &[u8], certificates: &[u8]) -> Result<(), &'static str> {
    signer.next().filter(|version| version.whole == VERSION_1).ok_or("has a signer of another version")?;
    let named = signer.of(SEQUENCE).ok_or("does not say who signed")?;
    let carried = Values(certificates).any(|certificate| issuer_and_serial(certificate).is_some_and(|id| id == named.content));
    if !carried {
        return Err("names another signer than the certificate that it carries");
    }
    let digest = signer.of(SEQUENCE).filter(|digest| digest.whole == digests).ok_or("names two hashes")?;
    let attributes = signer.of(TAGGED_0).ok_or("has no signed attributes")?;
    if !are_attributes(Values(attributes.content)) {
        return Err("has attributes in another form than they were signed in");
    }
    let algorithm = signer.of(SEQUENCE).ok_or("names no algorithm")?;
    if !belong_together(digest.content, algorithm.content) {
        return Err("names an algorithm that does not go with its hash");
    }
    signer.of(OCTETS).filter(|_| signer.0.is_empty()).map(|_| ()).ok_or("carries something that nobody signed")
}

/// Issuer and serial number of a certificate, as they stand in it, in the order in which a signer is named by them.
fn issuer_and_serial(certificate: Value<'_>) -> Option<Vec<u8>> {
    let mut fields = Values(Values(certificate.content).of(SEQUENCE)?.content);
    let first = fields.next()?;
    let serial = if first.tag == TAGGED_0 { fields.next()? } else { first };
    let _algorithm = fields.next()?;
    Some([fields.next()?.whole, serial.whole].concat())
}

/// The signature is over the attributes as DER writes them, which need not be how they stand here.
fn are_attributes(mut attributes: Values<'_>) -> bool {
    let is_attribute = |attribute: Value<'_>| {
        let mut fields = Values(attribute.content);
        attribute.tag == SEQUENCE && fields.of(NAME).and_then(|_| fields.of(SET)).is_some() && fields.0.is_empty()
    };
    attributes.by_ref().all(is_attribute) && attributes.0.is_empty()
}

fn belong_together(digest: &[u8], algorithm: &[u8]) -> bool {
    let split = |bytes| -> Option<(&[u8], &[u8])> {
        let mut values = Values(bytes);
        values.next().map(|name| (name.whole, values.0))
    };
    let plain = |parameters: &[u8]| parameters.is_empty() || parameters == NULL;
    let (Some((hash, hash_parameters)), Some((name, parameters))) = (split(digest), split(algorithm)) else { return false };
    let Some(&[hash @ 1..=3]) = hash.strip_prefix(SHA_2) else { return false };
    let fits = match (name.strip_prefix(ECDSA_SHA_2), name.strip_prefix(RSA)) {
        (Some(&[ecdsa]), _) => ecdsa == hash + 1 && parameters.is_empty(),
        // The parameters of PSS are used in verifying, so they need no look here.
        (_, Some(&[10])) => true,
        (_, Some(&[rsa])) => (rsa == 1 || rsa == hash + 10) && plain(parameters),
        _ => false,
    };
    fits && plain(hash_parameters)
}
