//! Posts alarms to a webhook: JSON, bounded in time and tries. Who reads them there is not our trade.

use std::io::Read;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use ureq::Agent;
use ureq::http::Uri;

/// Waits between tries, seconds; the last try is the one after the last wait.
const WAITS_S: [u64; 2] = [1, 3];
/// Longest secret, bytes.
const SECRET_BYTES_MAX: u64 = 4_096;
/// Of an answer so much is read; nothing in it is used.
const ANSWER_BYTES_MAX: u64 = 4_096;

/// Where alarms go.
#[derive(Debug, Clone)]
pub struct Webhook {
    pub address: String,
    /// Its first line is the header's value.
    pub secret_file: Option<PathBuf>,
    pub secret_header: String,
    /// For one try.
    pub timeout_s: u64,
}

/// What is wrong with an address: it must be https, or http to this machine.
pub fn address_fault(address: &str) -> Option<String> {
    let Ok(uri) = address.parse::<Uri>() else { return Some("is no address".to_owned()) };
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let loopback = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    match uri.scheme_str() {
        _ if host.is_empty() => Some("names no host".to_owned()),
        Some("https") => None,
        Some("http") if loopback => None,
        Some("http") => Some("must be https: plain http goes to this machine only".to_owned()),
        _ => Some("must be https".to_owned()),
    }
}

impl Webhook {
    /// The longest time that [`Webhook::post`] takes.
    pub fn bound(&self) -> Duration {
        Duration::from_secs(self.timeout_s * (WAITS_S.len() as u64 + 1) + WAITS_S.iter().sum::<u64>())
    }

    /// Posts the JSON; `Err` says why it was not taken. A status of 2xx is a yes. No redirection is followed, since the
    /// secret would go along; 4xx but 408 and 429 is not tried again.
    pub fn post(&self, json: &str) -> Result<(), String> {
        let secret = self.secret_file.as_deref().map(secret).transpose()?;
        let mut config = Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(self.timeout_s)))
            .max_redirects(0)
            .http_status_as_error(false)
            .tls_config(
                ureq::tls::TlsConfig::builder()
                    .provider(ureq::tls::TlsProvider::NativeTls)
                    .root_certs(ureq::tls::RootCerts::PlatformVerifier)
                    .build(),
            );
        if self.address.starts_with("http://") {
            config = config.proxy(None);
        }
        let agent: Agent = config.build().into();
        let mut tries = 0;
        loop {
            let mut request = agent.post(&self.address).header("Content-Type", "application/json");
            if let Some(secret) = &secret {
                request = request.header(&self.secret_header, secret);
            }
            let (why, again) = match request.send(json) {
                Ok(mut answer) => {
                    let status = answer.status();
                    // Read, so that the server is not cut off in the middle of it.
                    let _ = answer.body_mut().as_reader().take(ANSWER_BYTES_MAX).read_to_end(&mut Vec::new());
                    if status.is_success() {
                        return Ok(());
                    }
                    (format!("it answered {status}"), status.is_server_error() || matches!(status.as_u16(), 408 | 429))
                }
                Err(fault) => (fault.to_string(), true),
            };
            let Some(wait_s) = WAITS_S.get(tries).filter(|_| again) else { return Err(format!("{why}, after {} tries", tries + 1)) };
            std::thread::sleep(Duration::from_secs(*wait_s));
            tries += 1;
        }
    }
}

fn secret(path: &Path) -> Result<String, String> {
    let failed = |why: String| format!("reading the secret {}: {why}", path.display());
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(|e| failed(e.to_string()))?;
    file.take(SECRET_BYTES_MAX).read_to_string(&mut text).map_err(|e| failed(e.to_string()))?;
    match text.lines().next().map(str::trim).filter(|line| !line.is_empty()) {
        Some(line) => Ok(line.to_owned()),
        None => Err(failed("its first line is empty".to_owned())),
    }
}
