//! The console's clerk: a thread that does what the console asks for and answers into its inbox, so
//! that the screen never waits for a disk.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use tokio::sync::mpsc;

use crate::console::{Chain, LedgerView, Msg, StepText, Task};
use crate::deliver::outbox::Carried;
use crate::engine::desk::{Ask, Desk, Said};
use crate::engine::{Board, Engine, Reread, StepTexts};
use crate::recover::ProposalId;
use crate::terminal::Services;
use crate::trace::{RunId, StepId};

/// What the clerk is asked.
enum Errand {
    Read { run: RunId, step: StepId, place: Option<Box<Reread>> },
    Open(RunId),
    Ask(Ask),
    Switch { stop: bool },
}

/// The console's end. Dropping it ends the thread.
pub(super) struct Clerk {
    errands: Option<Sender<Errand>>,
    thread: Option<JoinHandle<()>>,
}

impl Clerk {
    /// Starts the thread. Without a desk nothing can be decided, and the console says so; without an
    /// engine, as in a replay, every run is read already.
    pub(super) fn start(
        engine: Option<Arc<Engine>>,
        desk: Option<Arc<Desk>>,
        inbox: mpsc::Sender<Msg>,
    ) -> std::io::Result<Self> {
        // Unbounded: what is asked comes from a person's keys.
        let (errands, asked) = channel();
        let thread = std::thread::Builder::new()
            .name("medbay-clerk".to_owned())
            .spawn(move || work(&asked, engine.as_deref(), desk.as_deref(), &inbox))?;
        Ok(Self { errands: Some(errands), thread: Some(thread) })
    }

    fn send(&self, errand: Errand) {
        if let Some(errands) = &self.errands {
            // The thread lives as long as this end.
            let _ = errands.send(errand);
        }
    }
}

impl Services for Clerk {
    fn start(&mut self, task: Task, board: &Board) {
        let errand = match task {
            Task::ReadStep { run, step } => {
                let place = board.run(&run).and_then(|view| Reread::of(view, step));
                Errand::Read { run, step, place: place.map(Box::new) }
            }
            Task::Open { run } => Errand::Open(run),
            Task::Decide { proposal, verdict, seen } => Errand::Ask(Ask::Decide { proposal, verdict, seen }),
            Task::Undo { proposal } => Errand::Ask(Ask::Undo(proposal)),
            Task::Retry { proposal } => Errand::Ask(Ask::Retry(proposal)),
            Task::Stop => Errand::Switch { stop: true },
            Task::Resume => Errand::Switch { stop: false },
            Task::LoadDecisions => Errand::Ask(Ask::Show),
            Task::Verify => Errand::Ask(Ask::Verify),
            // The terminal does these itself, or there is no replay.
            Task::EditExternally { .. }
            | Task::Copy { .. }
            | Task::Notify(_)
            | Task::Quit
            | Task::Replay(_) => return,
        };
        self.send(errand);
    }
}

impl Drop for Clerk {
    fn drop(&mut self) {
        self.errands = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn work(asked: &Receiver<Errand>, engine: Option<&Engine>, desk: Option<&Desk>, inbox: &mpsc::Sender<Msg>) {
    while let Ok(first) = asked.recv() {
        // Of several texts to read only the latest is still looked at.
        let mut errands = vec![first];
        errands.extend(asked.try_iter());
        let last_read = errands.iter().rposition(|errand| matches!(errand, Errand::Read { .. }));
        for (at, errand) in errands.into_iter().enumerate() {
            let answer = match errand {
                Errand::Read { .. } if last_read != Some(at) => continue,
                Errand::Read { run, step, place } => {
                    let texts = read(place.as_deref());
                    Msg::StepText { run, step, texts }
                }
                Errand::Open(run) => {
                    if let Some(engine) = engine {
                        engine.open(&run);
                    }
                    continue;
                }
                Errand::Switch { stop } => match desk {
                    Some(desk) => heard(desk.switch(stop)),
                    None => Msg::LedgerLost("the ledger is not open; `medbay doctor` says why".to_owned()),
                },
                Errand::Ask(ask) => match desk {
                    Some(desk) if desk.ask(ask) => continue,
                    _ => Msg::LedgerLost("the ledger is not open; `medbay doctor` says why".to_owned()),
                },
            };
            if inbox.blocking_send(answer).is_err() {
                return;
            }
        }
    }
}

/// Reads the texts of a step.
pub(super) fn read(place: Option<&Reread>) -> Result<Box<StepText>, String> {
    let place = place.ok_or_else(|| "this step is not there any more".to_owned())?;
    let StepTexts { intent, call, outcome, raw } = place.read().map_err(|error| error.to_string())?;
    Ok(Box::new(StepText { intent, call, outcome, raw }))
}

/// What the desk's keeper says, as the console hears it.
pub(super) fn heard(said: Said) -> Msg {
    let toast = |grave, text: String| Msg::Toast { grave, text };
    let of = |id: &ProposalId| format!("the text of proposal {id}");
    match said {
        Said::Ledger { desk, history, rewrites, reach } => {
            let chain = Chain::NotChecked;
            Msg::Ledger(Box::new(LedgerView { desk, history, chain, rewrites, reach }))
        }
        Said::Done(proposal, what) => {
            let what = match what.as_str() {
                "approve" | "edit" => "approved; it is in the ledger".to_owned(),
                "veto" => "vetoed; it is in the ledger".to_owned(),
                "defer" => "deferred: it stays waiting".to_owned(),
                "undo" => "undone: it waits again".to_owned(),
                "retry" => "it will be sent again".to_owned(),
                other => other.to_owned(),
            };
            Msg::Decided { proposal, what }
        }
        Said::Guard(guard) => Msg::Guard(guard),
        Said::Guarded(what) => toast(false, what),
        Said::Ruled(id, ruling) => {
            toast(false, format!("proposal {id} was approved by {}: {}", ruling.policy, ruling.why))
        }
        Said::Refused(proposal, why) => Msg::Refused { proposal, why },
        Said::Chain(chain) => Msg::Chain(match chain.broken {
            None => Chain::Holds { decisions: chain.rows },
            Some(broken) => Chain::Broken(format!("decision {}: {}", broken.row, broken.why)),
        }),
        Said::Carried(Carried::Delivered(id)) => toast(false, format!("{} was handed over", of(&id))),
        Said::Carried(Carried::Confirmed(id)) => {
            toast(false, format!("{} was taken up by its agent", of(&id)))
        }
        Said::Carried(Carried::Failed(id)) => {
            toast(true, format!("{} could not be handed over; the desk says why", of(&id)))
        }
        Said::Lost(why) => Msg::LedgerLost(why),
    }
}
