//! Writes what a first run needs: a commented configuration, keys and folders. Nothing that is there is changed.

use super::fault::Fault;
use crate::adapters::keys;
use crate::adapters::store::{private_folder, write_private};
use crate::domain::VendorId;
use crate::ledger::Ledger;
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// How the program reaches one vendor.
#[derive(Debug, Clone)]
pub struct Reach {
    pub vendor: VendorId,
    pub port: u16,
    pub host_key_pin: String,
}

/// Name of the configuration in its folder.
pub const CONFIG_NAME: &str = "fjernprint.toml";

const HEAD: &str = r#"# fjernprint: who sends, who prints, and where everything lies.
# Paths are relative to this file's own folder.

# "test" or "production". Production refuses to ship while a vendor's profile still rests on assumptions
# (`fjernprint vendor check` names them).
environment = "test"

[folders]
drop = "drop"                   # senders lay their files here, each in the folder that bears its id
data = "data"                   # the ledger, originals as they were received, sealed batches
receipts = "receipts"           # technical receipts to the senders
digital = "digital-outbox"      # MeMos for those who have Digital Post
# vendors = "vendors"           # profiles of your own instead of the ones that come with the program
# templates = "templates"       # templates of your own instead of the ones that come with the program

[intake]
grace_s = 60                    # a message that ends in the middle is waited for this long, then refused
settle_s = 5                    # a table is taken when nothing in its folder was written for this long

[orders]
max_resend_percent = 5          # of a batch, letters that may be printed once more while copies may exist
two_persons_reprint = true      # and that takes two persons

# Who has Digital Post and who is exempt (fritaget): CSV, recipient_id;status, with registered or exempt.
[register]
file = "register.csv"
key_file = "keys/register.key"  # look-ups are by a hash with this key

[signing]
certificate = "keys/signer.pem" # the signer's certificate first, the issuing ones after it
key = "keys/signer.key"         # readable by its owner only
# key_password_file = "keys/signer.password"    # its first line opens the key, when the key is encrypted
root = "keys/ca.pem"            # what vendors trust; the chain is proved to lead there before anything is signed

# Metrics for Prometheus' node exporter, written at the end of each run.
# [metrics]
# file = "/var/lib/prometheus/node-exporter/fjernprint.prom"

# A gate stops a run before anything is sealed (exit 8); `fjernprint gate pass ID --reason TEXT` lets it go on.
[gates]
volume_factor = 3.0             # so many times the usual number of that weekday, a vendor and municipality; 0: off
volume_min_letters = 100        # fewer are never too many
history_nights_min = 4          # of the last eight same weekdays; with fewer there is nothing to compare with
error_rate_max_percent = 10.0   # rejected and held, of what the night took in; 100: off
error_rate_min_letters = 200    # with fewer letters the share says nothing

# Alarms are told once: on stderr, to the webhook, and by `fjernprint alarms` as long as they are raised.
[alarms]
# webhook = "https://alarm.example.dk/fjernprint"   # JSON is posted there; plain http to this machine only
# webhook_secret_file = "keys/webhook.secret"       # its first line is sent in webhook_secret_header
# webhook_secret_header = "Authorization"
# webhook_timeout_s = 5         # for each of three tries; what is not delivered is tried by the next run
# stop_hours = 24               # a stop in force for longer
# unknown_hours = 6             # a batch of which it is not known whether the vendor has it
# disk_free_min_mb = 2048
# volume_factor = 3.0           # a sender's letters, so many times the usual number of that weekday
# volume_min_letters = 50
# history_days_min = 4
# max_age_workdays = { accepted = 1, held = 5, validated = 1, batched = 1 }  # shipped: by the vendor's profile
"#;

const EXAMPLE: &str = r#"
# One for each municipality. What a sender does not say is printed as here.
[[municipality]]
cvr = "99990011"
name = "Eksempel Kommune"
lines = ["Eksempel Kommune", "Rådhuspladsen 1", "9990 Eksempel"]
# Instead of vendor, contracts with their first and last days:
# contract = [{ vendor = "edora", valid_to = "2026-12-31" }, { vendor = "kmd", valid_from = "2027-01-01" }]
vendor = "edora"
plex = "duplex"
colour = "bw"
envelope = "auto"
postage = "economique"

# One for each system that hands letters in, and the municipalities it may send for; the first is meant where a
# message names none.
[[sender]]
id = "sagssystem"
municipalities = ["99990011"]
# What may be done to its PDFs so that a vendor takes them: boxes, turn, scale, flatten, drop_active, drop_files,
# embed_fonts, blank_back (docs/rules.md). Nothing is touched without it.
# repair = ["boxes", "turn", "flatten", "drop_active"]
# What a breach of a rule means for its letters: off, info, warn, repair or reject.
# severity = { ANNOTATION = "repair" }
# How many letters to expect on a day of work, instead of what its own past says: an alarm when it is fewer or more.
# expected = { min = 1, max = 2000 }

# One for each vendor. Without it, batches are sealed and wait.
# [[connection]]
# vendor = "edora"
# host = "sftp.example.dk"
# port = 22
# user = "kommune"
# key_file = "keys/ssh"
# key_passphrase_file = "keys/ssh.passphrase"   # when the key is encrypted
# agent = true                  # the key is in ssh-agent (SSH_AUTH_SOCK); key_file is the public key then
# host_key_pin = "SHA256:..."   # as `ssh-keygen -lf` prints it; compare it with the vendor by telephone
"#;

/// Makes folders, keys and an empty ledger under `dir`; what is there stays.
pub fn keys_and_folders(dir: &Path) -> Result<(), Fault> {
    for folder in ["", "keys", "drop", "data", "receipts", "digital-outbox"] {
        let path = dir.join(folder);
        private_folder(&path).map_err(|e| Fault::io(format!("making {}", path.display()), &e))?;
    }
    keys::make_chain(&dir.join("keys"))?;
    keys::make_ssh_key(&dir.join("keys/ssh"), "fjernprint")?;
    keys::make_secret(&dir.join("keys/register.key"))?;
    Ledger::open(&dir.join("data/ledger.db"))?;
    Ok(())
}

/// `fjernprint init`: what is missing is made, what is there stays. FP-C009 when a configuration and its ledger are there.
pub fn init(dir: &Path) -> Result<(), Fault> {
    let config = dir.join(CONFIG_NAME);
    if config.exists() && !dir.join("data/ledger.db").exists() {
        // A configuration that was brought here: whoever asks for `init` asks for an empty ledger.
        return keys_and_folders(dir);
    }
    if config.exists() {
        return Err(Fault::usage("FP-C009", format!("{} is there already; nothing was changed", config.display())));
    }
    keys_and_folders(dir)?;
    let register = dir.join("register.csv");
    if !register.exists() {
        write(&register, "recipient_id;status\n")?;
    }
    private_folder(&dir.join("drop/sagssystem")).map_err(|e| Fault::io("making the drop folder", &e))?;
    write(&config, &format!("{HEAD}{EXAMPLE}"))
}

/// The configuration of a demo night: the same text, with the samples' municipalities and the sites on loopback.
pub fn demo_config(municipalities: &str, reaches: &[Reach]) -> String {
    let mut text = format!("{HEAD}\n{municipalities}");
    for reach in reaches {
        let vendor = &reach.vendor;
        let _ = write!(
            text,
            "\n[[connection]]\nvendor = \"{vendor}\"\nhost = \"127.0.0.1\"\nport = {}\nuser = \"{vendor}\"\nkey_file = \"keys/ssh\"\nhost_key_pin = \"{}\"\n",
            reach.port, reach.host_key_pin
        );
    }
    text
}

pub(super) fn write(path: &Path, text: &str) -> Result<(), Fault> {
    if fs::read(path).is_ok_and(|there| there == text.as_bytes()) {
        return Ok(());
    }
    write_private(path, text.as_bytes()).map_err(|e| Fault::io(format!("writing {}", path.display()), &e))
}
