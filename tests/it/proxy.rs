//! A line to a vendor that breaks on command: a TCP proxy that cuts, delays, or swallows. The bench of shipping has it too, and
//! uses a part of it.

#![allow(dead_code)]

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Where the line breaks: after so many bytes of this direction, over all connections since the last break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    ToServer(u64),
    /// What the server did is done, and its answer is lost.
    ToClient(u64),
}

#[derive(Default)]
struct State {
    cuts: VecDeque<Cut>,
    to_server: u64,
    to_client: u64,
    open: Vec<TcpStream>,
    fired: u32,
}

struct Line {
    target: AtomicU16,
    delay: Duration,
    ended: AtomicBool,
    state: Mutex<State>,
}

/// Runs until it is dropped. Every connection goes to the same server.
pub struct Proxy {
    pub port: u16,
    line: Arc<Line>,
}

impl Proxy {
    /// `delay` is that of one direction.
    pub fn start(target: u16, delay: Duration) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let line = Arc::new(Line { target: target.into(), delay, ended: false.into(), state: Mutex::default() });
        let theirs = line.clone();
        std::thread::spawn(move || {
            for client in listener.incoming() {
                if theirs.ended.load(Ordering::SeqCst) {
                    break;
                }
                // A target that is down is a connection that closes at once.
                let (Ok(client), Ok(server)) = (client, TcpStream::connect((Ipv4Addr::LOCALHOST, theirs.target.load(Ordering::SeqCst))))
                else {
                    continue;
                };
                carry(&theirs, &client, &server);
            }
        });
        Self { port, line }
    }

    /// The server came up again on another port.
    pub fn lead_to(&self, target: u16) {
        self.line.target.store(target, Ordering::SeqCst);
    }

    /// Breaks the line so, one after the other, and counts from now.
    pub fn cut(&self, cuts: impl IntoIterator<Item = Cut>) {
        let mut state = self.line.state.lock().unwrap();
        state.cuts = cuts.into_iter().collect();
        (state.to_server, state.to_client) = (0, 0);
    }

    /// How often the line broke.
    pub fn fired(&self) -> u32 {
        self.line.state.lock().unwrap().fired
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.line.ended.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        break_all(&mut self.line.state.lock().unwrap());
    }
}

fn break_all(state: &mut State) {
    state.open.drain(..).for_each(|socket| drop(socket.shutdown(Shutdown::Both)));
}

fn carry(line: &Arc<Line>, client: &TcpStream, server: &TcpStream) {
    let pair = || (client.try_clone().unwrap(), server.try_clone().unwrap());
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (c, s) = pair();
    line.state.lock().unwrap().open.extend([c, s]);
    let (c, s) = pair();
    let up = line.clone();
    std::thread::spawn(move || pump(&up, c, s, true));
    let (c, s) = pair();
    let down = line.clone();
    std::thread::spawn(move || pump(&down, s, c, false));
}

fn pump(line: &Line, mut from: TcpStream, mut to: TcpStream, up: bool) {
    let mut other = to.try_clone().unwrap();
    let (give, take) = sync_channel::<(Instant, Vec<u8>)>(4096);
    let writer = (!line.delay.is_zero()).then(|| {
        std::thread::spawn(move || {
            for (due, bytes) in take {
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                if to.write_all(&bytes).is_err() {
                    break;
                }
            }
            let _ = to.shutdown(Shutdown::Write);
        })
    });
    let mut buffer = vec![0; 64 << 10];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        let (kept, breaks) = counted(line, read as u64, up);
        let bytes = &buffer[..kept];
        let sent = match &writer {
            Some(_) => give.send((Instant::now() + line.delay, bytes.to_vec())).is_ok(),
            None => other.write_all(bytes).is_ok(),
        };
        if breaks {
            break_all(&mut line.state.lock().unwrap());
        }
        if breaks || !sent {
            break;
        }
    }
    drop(give);
    match writer {
        Some(writer) => drop(writer.join()),
        None => drop(other.shutdown(Shutdown::Write)),
    }
}

/// How many of the bytes still get through, and whether the line breaks after them.
fn counted(line: &Line, read: u64, up: bool) -> (usize, bool) {
    let mut state = line.state.lock().unwrap();
    let before = if up { state.to_server } else { state.to_client };
    let limit = match state.cuts.front() {
        Some(Cut::ToServer(limit)) if up => Some(*limit),
        Some(Cut::ToClient(limit)) if !up => Some(*limit),
        _ => None,
    };
    let breaks = limit.is_some_and(|limit| before + read > limit);
    if breaks {
        state.cuts.pop_front();
        (state.to_server, state.to_client) = (0, 0);
        state.fired += 1;
        return (limit.map_or(0, |limit| limit.saturating_sub(before)) as usize, true);
    }
    if up {
        state.to_server += read
    } else {
        state.to_client += read
    }
    (read as usize, false)
}

/// A vendor that accepts and never says a word. Gives its port; it stays until the process ends.
pub fn black_hole() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || listener.incoming().map(Result::ok).collect::<Vec<_>>());
    port
}
