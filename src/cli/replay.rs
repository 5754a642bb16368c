//! `medbay replay`: the console over a recorded run, with its clock. A thread of its own goes through
//! the recording and tells the console what its board is at each position.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use jiff::Timestamp;
use tokio::sync::mpsc;

use super::Common;
use super::clerk::Clerk;
use super::console::{Look, code, runtime};
use crate::console::{LedgerView, Msg, Replay, ReplayTask, Seek, Task};
use crate::engine::replay::Recording;
use crate::engine::{Board, Update};
use crate::ledger::{Entry, Outcome, State};
use crate::source::{Discoverer, ReplayClock, Roots};
use crate::terminal::{Services, install_panic_hook};

/// How many messages may wait for the console.
const INBOX: usize = 256;
/// The least time between two positions that are shown while it plays.
const FRAME: Duration = Duration::from_millis(16);

/// Arguments of `replay`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The recorded run: a log, or a directory of logs
    #[arg(value_name = "PATH")]
    pub(crate) path: PathBuf,

    /// How many times as fast as it happened
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0)]
    pub(crate) speed: f64,

    /// Where to begin: a record's number, a share such as 50%, or a time
    #[arg(long, value_name = "POSITION")]
    pub(crate) at: Option<String>,

    /// Begin paused
    #[arg(long)]
    pub(crate) paused: bool,

    /// Draw with ASCII alone
    #[arg(long)]
    pub(crate) ascii: bool,
}

/// Opens the console over a recorded run.
pub(crate) fn run(args: Args, common: &Common) -> anyhow::Result<ExitCode> {
    install_panic_hook(common.state_directory.clone());
    let look = Look::of(common, args.ascii)?;
    let path = crate::text::excerpt(&args.path.display().to_string(), 300);
    let (runs, hidden) = Discoverer::new(common.format).runs(&Roots::named([args.path]));
    if runs.is_empty() {
        match hidden.into_iter().next() {
            Some(hidden) => return Err(hidden.into()),
            None => bail!("no log was found, {path}: name a log or a directory of logs"),
        }
    }
    let recording = Recording::open(&runs, common.judge()?)?;
    let mut clock = recording.clock();
    if !args.speed.is_finite() || args.speed <= 0.0 {
        bail!("{} is no speed, --speed: give a number above 0", args.speed);
    }
    clock.set_speed(args.speed);
    if let Some(at) = &args.at {
        clock.seek_text(at)?;
    }
    if !args.paused {
        clock.play(true);
    }
    let (inbox, messages) = mpsc::channel(INBOX);
    let mut model = look.model()?;
    model.looked = vec![path];
    model.replay = Some(place(&clock));
    let player = Player::start(recording, clock, inbox.clone()).context("the replay cannot start")?;
    let clerk = Clerk::start(None, None, inbox).context("the console cannot start")?;
    let services = Replaying { player, clerk };
    let exit = runtime()?
        .block_on(async move { crate::terminal::run(model, look.theme, messages, services).await })?;
    Ok(code(exit))
}

/// Where a replay is, as the console is told.
fn place(clock: &ReplayClock) -> Replay {
    Replay {
        position: clock.position(),
        of: clock.len(),
        speed: clock.speed() as f32,
        playing: clock.playing(),
        clock: clock.now(),
    }
}

/// The console's services in a replay: the player moves, the clerk reads texts.
struct Replaying {
    player: Player,
    clerk: Clerk,
}

impl Services for Replaying {
    fn start(&mut self, task: Task, board: &Board) {
        match task {
            Task::Replay(task) => self.player.send(task),
            task => self.clerk.start(task, board),
        }
    }
}

/// The thread that goes through the recording. Dropping it ends it.
struct Player {
    tasks: Option<Sender<ReplayTask>>,
    thread: Option<JoinHandle<()>>,
}

impl Player {
    fn start(recording: Recording, clock: ReplayClock, inbox: mpsc::Sender<Msg>) -> std::io::Result<Self> {
        let (tasks, asked) = channel();
        let thread = std::thread::Builder::new()
            .name("medbay-replay".to_owned())
            .spawn(move || Playing { recording, clock, inbox, shown: false }.play(&asked))?;
        Ok(Self { tasks: Some(tasks), thread: Some(thread) })
    }

    fn send(&self, task: ReplayTask) {
        if let Some(tasks) = &self.tasks {
            // The thread lives as long as this end, or the console has left.
            let _ = tasks.send(task);
        }
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        self.tasks = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Playing {
    recording: Recording,
    clock: ReplayClock,
    inbox: mpsc::Sender<Msg>,
    shown: bool,
}

impl Playing {
    fn play(mut self, asked: &Receiver<ReplayTask>) {
        let mut before = Instant::now();
        loop {
            if self.show().is_none() {
                return;
            }
            let next = match self.clock.until_next() {
                Some(wait) => asked.recv_timeout(wait.max(FRAME)),
                None => asked.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            let now = Instant::now();
            self.clock.advance(now - before);
            before = now;
            match next {
                Ok(task) => {
                    self.take(task);
                    // Held keys come faster than positions can be shown.
                    asked.try_iter().for_each(|task| self.take(task));
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn take(&mut self, task: ReplayTask) {
        match task {
            ReplayTask::Play => self.clock.play(true),
            ReplayTask::Pause => self.clock.play(false),
            ReplayTask::Speed(speed) => self.clock.set_speed(f64::from(speed)),
            ReplayTask::Seek(Seek::To(position)) => self.clock.seek(position),
            ReplayTask::Seek(Seek::By(by)) => self.clock.step(isize::try_from(by).unwrap_or(0)),
            ReplayTask::Seek(seek @ (Seek::NextFinding | Seek::PreviousFinding)) => {
                // The recording looks from where it stands.
                self.go();
                self.clock.play(false);
                self.clock.seek(match seek {
                    Seek::NextFinding => self.recording.next_finding(),
                    _ => self.recording.previous_finding(),
                });
            }
        }
    }

    /// Brings the recording to where the clock is, and the board with it. `None`: nobody listens.
    fn go(&mut self) -> Option<()> {
        if self.shown && self.recording.position() == self.clock.position() {
            return Some(());
        }
        match self.recording.go(self.clock.position()) {
            Ok(went) => {
                if went.anew {
                    self.tell(Msg::Update(Update::Anew))?;
                }
                for news in went.updates {
                    self.tell(Msg::Update(news))?;
                }
            }
            Err(error) => {
                self.clock.play(false);
                self.tell(Msg::Toast { grave: true, text: error.to_string() })?;
            }
        }
        if !self.shown {
            self.shown = true;
            self.tell(Msg::Update(Update::CaughtUp))?;
        }
        let now = self.clock.now().unwrap_or(Timestamp::UNIX_EPOCH);
        let desk = self
            .recording
            .proposals()
            .into_iter()
            .map(|proposal| Entry {
                proposal,
                state: State::Waiting,
                drafted: now,
                grace_until: None,
                decision: None,
                delivery: None,
                outcome: Outcome::Unknown,
                note: String::new(),
            })
            .collect();
        self.tell(Msg::Ledger(Box::new(LedgerView { desk, ..LedgerView::default() })))
    }

    fn show(&mut self) -> Option<()> {
        self.go()?;
        self.tell(Msg::Replay(place(&self.clock)))
    }

    fn tell(&self, message: Msg) -> Option<()> {
        self.inbox.blocking_send(message).ok()
    }
}
