//! `medbay [PATH…]`: the console.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc;

use super::Common;
use super::clerk::{Clerk, heard};
use crate::config::{self, Origin};
use crate::console::notices::{Sequence, Settings};
use crate::console::{Keymap, Model, Msg};
use crate::deliver::codex_app::CodexApp;
use crate::deliver::courier;
use crate::deliver::opencode::Opencode;
use crate::deliver::server::{Server, ServerError};
use crate::engine::desk::{Ask, Desk, Rules};
use crate::engine::proposer::Endpoint;
use crate::engine::{Engine, Sources};
use crate::ledger::Ledger;
use crate::recover::Record;
use crate::screen::Theme;
use crate::terminal::{Capabilities, Exit, install_panic_hook};

/// How many messages may wait for the console.
const INBOX: usize = 256;

/// Arguments of the console.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Args {
    /// Logs or directories of logs; `-` is standard input
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,

    /// Draw with ASCII alone
    #[arg(long)]
    pub(crate) ascii: bool,
}

/// Opens the console.
pub(crate) fn run(args: Args, common: &Common) -> anyhow::Result<ExitCode> {
    install_panic_hook(common.state_directory.clone());
    let look = Look::of(common, args.ascii)?;
    let (sources, ledger) = sources(&args.paths, common)?;
    let _mirror = common.mirror(&sources);
    let mut model = look.model()?;
    model.notifier.settings = notify_settings(common);
    model.looked =
        sources.roots.all().map(|path| crate::text::excerpt(&path.display().to_string(), 200)).collect();
    let (inbox, messages) = mpsc::channel(INBOX);
    let desk = match open_desk(common, ledger, inbox.clone()) {
        Ok(desk) => Some(Arc::new(desk)),
        // Without a ledger everything can still be seen.
        Err(error) => {
            let why = super::sentence::of(&error);
            tracing::error!("{why}");
            crate::console::update(&mut model, Msg::LedgerLost(why));
            None
        }
    };
    let server = if desk.is_some() { serve(common, &mut model) } else { None };
    let mut options = common.engine_options()?;
    options.judge.record = Arc::new(earlier(common));
    if let Some(desk) = desk.clone() {
        options.seen = Some(Arc::new(move |_, delta| {
            desk.ask(Ask::News(Box::new(delta.news.clone())));
        }));
    }
    let (engine, mut updates) = Engine::start(sources, options).context("the engine cannot start")?;
    let engine = Arc::new(engine);
    let clerk = Clerk::start(Some(Arc::clone(&engine)), desk.clone(), inbox.clone())
        .context("the console cannot start")?;
    let exit = runtime()?.block_on(async move {
        tokio::spawn(async move {
            while let Some(news) = updates.recv().await {
                if inbox.send(Msg::Update(news)).await.is_err() {
                    return;
                }
            }
        });
        crate::terminal::run(model, look.theme, messages, clerk).await
    })?;
    // What is under way is finished before the process ends: first who asks, then who answers.
    drop(server);
    drop(engine);
    drop(desk);
    Ok(code(exit))
}

/// The one thread that draws; workers have their own.
pub(super) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("the console cannot start")
}

/// The exit code of a console: 0 when its operator left, else as shells tell of a signal.
pub(super) fn code(exit: Exit) -> ExitCode {
    match exit {
        Exit::Left => ExitCode::from(super::CLEAN),
        Exit::Signal(number) => ExitCode::from(u8::try_from(128 + number).unwrap_or(super::COULD_NOT_RUN)),
        Exit::Gone => ExitCode::from(129),
    }
}

/// How the console looks and which keys it takes.
pub(super) struct Look {
    pub(super) theme: Theme,
    keymap: Keymap,
}

impl Look {
    pub(super) fn of(common: &Common, ascii: bool) -> anyhow::Result<Self> {
        let text = |name: &str| common.environment.text(name).map(str::to_owned);
        let able = Capabilities::read(&text, !common.color(), ascii);
        let read = |path: &Path| std::fs::read_to_string(path).ok();
        let name = common.config.theme.as_str();
        let theme = if name.contains(['/', '\\']) || name.ends_with(".toml") {
            Theme::from_file(Path::new(name), &read, able.depth, able.ascii)?
        } else {
            let folder = common.environment.config_directory().join("themes");
            Theme::named(name, &folder, &read, able.depth, able.ascii)?
        };
        let changes: Vec<(String, Vec<String>)> =
            common.config.keys.iter().map(|(name, keys)| (name.clone(), keys.clone())).collect();
        Ok(Self { theme, keymap: Keymap::with(&changes)? })
    }

    pub(super) fn model(&self) -> anyhow::Result<Model> {
        let mut model = Model::new(Timestamp::now(), 80, 24);
        model.keymap = self.keymap.clone();
        model.zone = TimeZone::system();
        Ok(model)
    }
}

fn open_desk(common: &Common, ledger: PathBuf, inbox: mpsc::Sender<Msg>) -> anyhow::Result<Desk> {
    let config = &common.config;
    let rules = Rules {
        ledger,
        spool: config.spool_directory.to_path_buf(),
        operator: config.operator.to_string(),
        grace: Duration::from_secs(u64::from(*config.grace_seconds)),
        policy: config.policy(),
        post: super::channels::post(common),
        proposer: endpoint(common),
    };
    // A console that has left hears nothing more.
    Ok(Desk::start_with(rules, servers(common), move |said| {
        let _ = inbox.blocking_send(heard(said));
    })?)
}

/// What earlier recoveries have shown; nothing where there is no ledger yet.
fn earlier(common: &Common) -> Record {
    Ledger::open_read_only(common.db()).and_then(|ledger| ledger.record()).unwrap_or_default()
}

/// Who writes in place of templates, if an address is given.
fn endpoint(common: &Common) -> Option<Endpoint> {
    let proposer = &common.config.proposer;
    if proposer.base_url.is_empty() {
        return None;
    }
    let name = proposer.api_key_env.as_str();
    // The environment that is kept holds no keys of others; this one was named.
    let key = Some(name).filter(|name| !name.is_empty()).and_then(|name| std::env::var(name).ok());
    Some(Endpoint {
        base_url: proposer.base_url.to_string(),
        model: proposer.model.to_string(),
        key,
        time: Duration::from_secs(u64::from(*proposer.seconds)),
        tokens: *proposer.tokens,
        usd_per_thousand_tokens: *proposer.usd_per_thousand_tokens,
    })
}

/// How the operator is told outside of the screen.
fn notify_settings(common: &Common) -> Settings {
    let settings = &common.config.notices;
    Settings {
        bell: *settings.bell,
        sequence: match *settings.sequence {
            config::Sequence::None => Sequence::None,
            config::Sequence::Osc9 => Sequence::Osc9,
            config::Sequence::Osc777 => Sequence::Osc777,
        },
        command: settings.command.to_vec(),
        cool_down: SignedDuration::from_secs(i64::from(*settings.cool_down_seconds)),
        quiet: settings.quiet(),
    }
}

/// The servers of agents that may be there.
fn servers(common: &Common) -> Vec<Box<dyn courier::Server>> {
    let config = &common.config;
    let mut servers: Vec<Box<dyn courier::Server>> =
        vec![Box::new(CodexApp::at(config.codex_socket.to_path_buf()))];
    if !config.opencode.is_empty() {
        let password = common.environment.text("MEDBAY_OPENCODE_PASSWORD");
        servers.push(Box::new(Opencode::at(&config.opencode, password)));
    }
    servers
}

/// Answers agents that ask, if nobody on this machine does.
fn serve(common: &Common, model: &mut Model) -> Option<Server> {
    match Server::start(super::channels::server(common)?) {
        Ok(server) => Some(server),
        Err(error @ ServerError::Served(_)) => {
            tracing::info!("{error}");
            None
        }
        // Without it everything else works.
        Err(error) => {
            tracing::error!("{error}");
            let text = crate::text::excerpt(&error.to_string(), 300);
            crate::console::update(model, Msg::Toast { grave: true, text });
            None
        }
    }
}

/// What is to be read: what was named, else what the configuration names, else the agents' own
/// directories, else the bundled runs; and the ledger for it: what is proposed for the bundled runs
/// stays out of the operator's own.
fn sources(paths: &[PathBuf], common: &Common) -> anyhow::Result<(Sources, PathBuf)> {
    let mut ledger = common.db().to_owned();
    let mut sources = common.sources(paths)?;
    let holds_something =
        |folder: &PathBuf| std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
    let nothing = sources.roots.named.is_empty() && sources.stdin.is_none();
    if nothing && !sources.roots.of_agents.iter().any(holds_something) {
        match super::samples::unpack(&common.environment.data_directory()) {
            Ok(samples) => {
                sources.roots.named.push(samples);
                if common.config.db.origin == Origin::Default {
                    ledger.set_file_name("sample-runs.db");
                }
            }
            // The console then says that nothing was found, and where.
            Err(error) => tracing::warn!("the sample runs cannot be unpacked: {error}"),
        }
    }
    Ok((sources, ledger))
}
