//! Postcodes with their districts, and countries, as the last lines of addresses have them.

/// Districts that many letters go to, each with the postcodes that it has at the widest (DAWA's register of postcodes). A
/// district that is not here is taken as it is: the register changes, and no letter is stopped by an old list.
const DISTRICTS: [(&str, u32, u32); 46] = [
    ("københavn", 900, 2499),
    ("frederiksberg", 1800, 2000),
    ("hellerup", 2900, 2900),
    ("kongens lyngby", 2800, 2800),
    ("glostrup", 2600, 2600),
    ("ballerup", 2750, 2750),
    ("hvidovre", 2650, 2650),
    ("helsingør", 3000, 3000),
    ("hillerød", 3400, 3400),
    ("rønne", 3700, 3700),
    ("nuuk", 3900, 3905),
    ("roskilde", 4000, 4000),
    ("ringsted", 4100, 4100),
    ("slagelse", 4200, 4200),
    ("holbæk", 4300, 4300),
    ("kalundborg", 4400, 4400),
    ("køge", 4600, 4600),
    ("næstved", 4700, 4700),
    ("nykøbing f", 4800, 4800),
    ("odense", 5000, 5270),
    ("nyborg", 5800, 5800),
    ("svendborg", 5700, 5700),
    ("kolding", 6000, 6000),
    ("haderslev", 6100, 6100),
    ("aabenraa", 6200, 6200),
    ("sønderborg", 6400, 6400),
    ("esbjerg", 6700, 6715),
    ("varde", 6800, 6800),
    ("holstebro", 7500, 7500),
    ("herning", 7400, 7400),
    ("ikast", 7430, 7430),
    ("fredericia", 7000, 7000),
    ("vejle", 7100, 7120),
    ("thisted", 7700, 7700),
    ("skive", 7800, 7800),
    ("aarhus", 8000, 8270),
    ("århus", 8000, 8270),
    ("viborg", 8800, 8800),
    ("randers", 8900, 8960),
    ("horsens", 8700, 8700),
    ("silkeborg", 8600, 8600),
    ("grenaa", 8500, 8500),
    ("aalborg", 9000, 9220),
    ("hjørring", 9800, 9800),
    ("frederikshavn", 9900, 9900),
    ("skagen", 9990, 9990),
];

/// Countries as senders write them: in Danish and English, and our neighbours in their own words.
const COUNTRIES: [&str; 99] = [
    "albanien",
    "argentina",
    "australia",
    "australien",
    "austria",
    "belgien",
    "belgium",
    "bosnien-hercegovina",
    "brasilien",
    "brazil",
    "bulgaria",
    "bulgarien",
    "canada",
    "chile",
    "china",
    "croatia",
    "cypern",
    "cyprus",
    "czech republic",
    "danmark",
    "denmark",
    "deutschland",
    "egypten",
    "england",
    "estland",
    "estonia",
    "faroe islands",
    "finland",
    "france",
    "frankrig",
    "færøerne",
    "føroyar",
    "germany",
    "great britain",
    "greece",
    "greenland",
    "grækenland",
    "grønland",
    "holland",
    "hungary",
    "iceland",
    "india",
    "indien",
    "irak",
    "iran",
    "ireland",
    "irland",
    "island",
    "israel",
    "italien",
    "italy",
    "japan",
    "kina",
    "kroatien",
    "latvia",
    "letland",
    "litauen",
    "lithuania",
    "luxembourg",
    "malta",
    "mexico",
    "monaco",
    "nederland",
    "nederlandene",
    "netherlands",
    "norge",
    "norway",
    "pakistan",
    "poland",
    "polen",
    "polska",
    "portugal",
    "rumænien",
    "schweiz",
    "scotland",
    "serbien",
    "slovakiet",
    "slovenien",
    "spain",
    "spanien",
    "storbritannien",
    "suomi",
    "sverige",
    "sweden",
    "switzerland",
    "thailand",
    "tjekkiet",
    "turkey",
    "tyrkiet",
    "tyskland",
    "uk",
    "ukraine",
    "ungarn",
    "united kingdom",
    "united states",
    "usa",
    "vietnam",
    "wales",
    "østrig",
];

/// `DK-2900 Hellerup`, `2900 Hellerup`: the four digits, where a district follows that they may belong to.
pub(super) fn danish_postcode(line: &str) -> Option<&str> {
    let line = line.trim();
    let line = line.strip_prefix("DK-").or_else(|| line.strip_prefix("DK ")).unwrap_or(line);
    let (digits, district) = line.split_at_checked(4)?;
    let number: u32 = digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())??;
    let used = (1000..=9990).contains(&number) || (800..1000).contains(&number);
    (used && district.starts_with(' ') && plausible(number, district.trim())).then_some(digits)
}

/// A district begins with a capital, has two letters or more, and is not one that is known to lie elsewhere.
fn plausible(number: u32, district: &str) -> bool {
    let named = district.chars().next().is_some_and(char::is_uppercase) && district.chars().filter(|c| c.is_alphabetic()).count() >= 2;
    let lower = district.to_lowercase();
    let is = |name: &str| {
        lower.strip_prefix(name).is_some_and(|rest| rest.chars().next().is_none_or(|c| !c.is_alphanumeric()) && short_suffix(rest))
    };
    let elsewhere = DISTRICTS.iter().any(|(name, from, to)| is(name) && !(*from..=*to).contains(&number));
    named && !elsewhere
}

/// ` C`, ` NV`, ` SØ`: what may follow the name of a district that has several postcodes.
fn short_suffix(rest: &str) -> bool {
    rest.trim().chars().count() <= 2
}

/// A country that stands alone on its line: any in capitals, and the usual ones as they are written.
pub(super) fn is_country(line: &str) -> bool {
    let line = line.trim();
    let letters = line.chars().filter(|c| c.is_alphabetic()).count();
    let capitals = letters >= 2 && line.chars().all(|c| c.is_alphabetic() && c.is_uppercase() || c == ' ' || c == '-');
    let lower = line.to_lowercase();
    capitals || COUNTRIES.contains(&lower.as_str())
}
