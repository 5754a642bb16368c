//! The loop: waits for signals, input, messages or a deadline, in this order; takes in what is ready;
//! draws once if something visible changed, at most 120 times a second. When nothing happens it
//! does nothing: no timer runs that nothing on the screen needs.

use std::io::{self, BufWriter, Stdout, Write};
use std::path::PathBuf;
use std::time::Duration;

use crossterm::event::{Event, EventStream};
use crossterm::queue;
use crossterm::terminal::{BeginSynchronizedUpdate, EndSynchronizedUpdate};
use futures_util::{Stream, StreamExt as _};
use jiff::Timestamp;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::console::notices::{Notice, Settings};
use crate::console::{Key, Model, Msg, Overlay, Task, edit_key, update};
use crate::engine::Board;
use crate::screen::{Editor, Theme, draw};

use super::guard::{self, Guard};
use super::{clipboard, external_editor, keys, notices};

/// The least time between two drawings.
const FRAME: Duration = Duration::from_micros(16_600);
/// How many messages are taken in between two looks at the keyboard.
const BATCH: usize = 512;

/// Does the console's tasks. Answers come back as messages through the inbox.
pub trait Services {
    /// Begins a task and returns at once. The board says where a run's records are.
    fn start(&mut self, task: Task, board: &Board);
}

impl<F: FnMut(Task, &Board)> Services for F {
    fn start(&mut self, task: Task, board: &Board) {
        self(task, board);
    }
}

/// Why the loop ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The operator left.
    Left,
    /// A signal said so.
    Signal(i32),
    /// The terminal is gone.
    Gone,
}

/// Why the console cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum TerminalError {
    /// Standard input or output is no terminal.
    #[error("the console needs a terminal; use `medbay check` or `medbay tail` in a pipe")]
    NoTerminal,
    /// The system says no.
    #[error("cannot use the terminal: {0}; try another one, or `medbay check` for plain output")]
    System(#[from] io::Error),
}

/// The terminal as the loop needs it; a test brings its own.
pub trait Screen {
    /// Draws the model.
    fn draw(&mut self, model: &Model, theme: &Theme, editor: Option<&Editor>) -> io::Result<()>;
    /// Forgets what was drawn, so that the next drawing draws all.
    fn clear(&mut self) -> io::Result<()>;
    /// Puts a text on the clipboard; gives the number of characters.
    fn copy(&mut self, text: &str) -> io::Result<usize>;
    /// Rings, or shows a notification.
    fn notify(&mut self, notice: &Notice, settings: &Settings) -> io::Result<()>;
    /// Edits a text in the operator's own editor, the terminal put back meanwhile.
    fn edit(&mut self, text: &str) -> Result<String, String>;
    /// Stops the process until it is told to go on, the terminal put back meanwhile.
    fn stop(&mut self) -> io::Result<()>;
    /// Columns and rows.
    fn size(&self) -> io::Result<(u16, u16)>;
}

/// Where keys come from. What `open` gives is dropped while another program has the terminal.
pub trait Input {
    /// A stream of events.
    type Events: Stream<Item = io::Result<Event>> + Unpin;
    /// Begins to listen.
    fn open(&mut self) -> Self::Events;
}

/// Shows the console on the terminal of this process until its operator leaves. `inbox` brings what
/// happens elsewhere; `services` does what the console asks for.
pub async fn run(
    mut model: Model,
    theme: Theme,
    inbox: mpsc::Receiver<Msg>,
    services: impl Services,
) -> Result<Exit, TerminalError> {
    use std::io::IsTerminal as _;
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        return Err(TerminalError::NoTerminal);
    }
    let guard = Guard::enter()?;
    let backend = CrosstermBackend::new(BufWriter::with_capacity(64 * 1024, io::stdout()));
    let terminal = Terminal::new(backend)?;
    let screen = Real { guard, terminal };
    (model.columns, model.rows) = screen.size()?;
    let mut console = Console::new(model, theme, screen, Keyboard, services);
    let exit = console.live(inbox, signals()?).await?;
    Ok(exit)
}

/// The terminal of this process. The terminal goes before the guard, so that what it writes last is
/// written before the screen is put back.
struct Real {
    terminal: Terminal<CrosstermBackend<BufWriter<Stdout>>>,
    guard: Guard,
}

impl Screen for Real {
    fn draw(&mut self, model: &Model, theme: &Theme, editor: Option<&Editor>) -> io::Result<()> {
        queue!(self.terminal.backend_mut(), BeginSynchronizedUpdate)?;
        self.terminal.draw(|frame| draw(model, theme, editor, frame))?;
        queue!(self.terminal.backend_mut(), EndSynchronizedUpdate)?;
        Write::flush(self.terminal.backend_mut())
    }

    fn clear(&mut self) -> io::Result<()> {
        // Not `Terminal::clear`, which asks the terminal for its cursor and waits for the answer.
        let (columns, rows) = self.size()?;
        self.terminal.resize(Rect::new(0, 0, columns, rows))
    }

    fn copy(&mut self, text: &str) -> io::Result<usize> {
        clipboard::copy(self.terminal.backend_mut(), text)
    }

    fn notify(&mut self, notice: &Notice, settings: &Settings) -> io::Result<()> {
        notices::write(self.terminal.backend_mut(), notice, settings)
    }

    fn edit(&mut self, text: &str) -> Result<String, String> {
        self.guard.release();
        let command = external_editor::editor(&|name| std::env::var(name).ok());
        let edited = external_editor::edit(&command, &folder(), text);
        self.guard.retake().map_err(|e| e.to_string())?;
        self.clear().map_err(|e| e.to_string())?;
        edited.map_err(|e| e.to_string())
    }

    fn stop(&mut self) -> io::Result<()> {
        self.guard.release();
        guard::stop()?;
        self.guard.retake()?;
        self.clear()
    }

    fn size(&self) -> io::Result<(u16, u16)> {
        crossterm::terminal::size()
    }
}

fn folder() -> PathBuf {
    std::env::temp_dir()
}

struct Keyboard;

impl Input for Keyboard {
    type Events = EventStream;

    fn open(&mut self) -> EventStream {
        EventStream::new()
    }
}

/// Numbers of the signals that end the console.
fn signals() -> io::Result<impl Stream<Item = i32> + Unpin> {
    use tokio::signal::unix::{SignalKind, signal};
    let (out, into) = mpsc::channel(4);
    for kind in [SignalKind::terminate(), SignalKind::hangup(), SignalKind::interrupt(), SignalKind::quit()] {
        let mut arrivals = signal(kind)?;
        let out = out.clone();
        tokio::spawn(async move {
            while arrivals.recv().await.is_some() {
                if out.send(kind.as_raw_value()).await.is_err() {
                    return;
                }
            }
        });
    }
    Ok(Box::pin(futures_util::stream::unfold(into, |mut into| async move {
        into.recv().await.map(|number| (number, into))
    })))
}

/// The next item if it is there already. Looked at with this task's own waker: the keyboard's stream
/// keeps the first waker that it is shown, and with another one the loop would not be woken again.
async fn ready<S: Stream + Unpin>(stream: &mut S) -> Option<S::Item> {
    std::future::poll_fn(|context| {
        std::task::Poll::Ready(match stream.poll_next_unpin(context) {
            std::task::Poll::Ready(item) => item,
            std::task::Poll::Pending => None,
        })
    })
    .await
}

/// What came out of a wait.
enum Woken {
    Signal(i32),
    Input(Option<io::Result<Event>>),
    Message(Option<Msg>),
    Deadline,
}

/// The console over some screen, some input and some services.
pub struct Console<S, I, T> {
    model: Model,
    theme: Theme,
    editor: Option<Editor>,
    screen: S,
    input: I,
    services: T,
    clock: fn() -> Timestamp,
    /// Set when the terminal is to be left to somebody else, once nobody listens.
    away: Option<Away>,
}

impl<S: Screen, I: Input, T: Services> Console<S, I, T> {
    /// A console that has not drawn yet.
    pub fn new(model: Model, theme: Theme, screen: S, input: I, services: T) -> Self {
        Self { model, theme, editor: None, screen, input, services, clock: Timestamp::now, away: None }
    }

    /// Lives until its operator leaves, a signal comes or the terminal is gone.
    pub async fn live(
        &mut self,
        mut inbox: mpsc::Receiver<Msg>,
        mut signals: impl Stream<Item = i32> + Unpin,
    ) -> io::Result<Exit> {
        let mut events = Some(self.input.open());
        let mut drawn: Option<Instant> = None;
        let mut inbox_open = true;
        loop {
            if self.model.quitting {
                return Ok(Exit::Left);
            }
            let frame_due = drawn.map(|at| at + FRAME);
            let now = Instant::now();
            let mut deadline = None;
            if self.model.dirty || self.model.redraw {
                match frame_due.filter(|due| *due > now) {
                    None => {
                        self.draw()?;
                        drawn = Some(Instant::now());
                    }
                    Some(due) => deadline = Some(due),
                }
            }
            if deadline.is_none() {
                deadline = self.next_tick();
            }
            if let Some(away) = self.away.take() {
                // Nobody may listen while another program has the terminal.
                drop(events.take());
                self.leave_for(away)?;
                continue;
            }
            let listening = events.get_or_insert_with(|| self.input.open());
            let woken = tokio::select! {
                biased;
                Some(number) = signals.next() => Woken::Signal(number),
                event = listening.next() => Woken::Input(event),
                message = inbox.recv(), if inbox_open => Woken::Message(message),
                () = sleep_until(deadline.unwrap_or(now)), if deadline.is_some() => Woken::Deadline,
            };
            self.take(Msg::Tick { now: (self.clock)() });
            match woken {
                Woken::Signal(number) => return Ok(Exit::Signal(number)),
                Woken::Input(None) => return Ok(Exit::Gone),
                Woken::Input(Some(event)) => {
                    let mut next = Some(event);
                    let mut left = BATCH;
                    while let Some(event) = next.take() {
                        // Input that cannot be read is a terminal that is gone.
                        let Ok(event) = event else {
                            return Ok(Exit::Gone);
                        };
                        self.event(event);
                        left -= 1;
                        if left > 0 && !self.model.quitting && self.away.is_none() {
                            next = ready(listening).await;
                        }
                    }
                }
                Woken::Message(None) => inbox_open = false,
                Woken::Message(Some(message)) => {
                    self.take(message);
                    for _ in 1..BATCH {
                        match inbox.try_recv() {
                            Ok(message) => self.take(message),
                            Err(_) => break,
                        }
                    }
                }
                Woken::Deadline => {}
            }
        }
    }

    fn next_tick(&self) -> Option<Instant> {
        let at = self.model.next_tick()?;
        let wait = at.duration_since((self.clock)());
        let wait = Duration::try_from(wait).unwrap_or(Duration::ZERO);
        // Never sooner than a frame: a deadline that has just passed must not spin.
        Some(Instant::now() + wait.max(FRAME))
    }

    fn draw(&mut self) -> io::Result<()> {
        self.model.settle();
        if std::mem::take(&mut self.model.redraw) {
            self.screen.clear()?;
        }
        self.model.dirty = false;
        self.screen.draw(&self.model, &self.theme, self.editor.as_ref())
    }

    /// Takes in an event of the terminal.
    fn event(&mut self, event: Event) {
        let Some(message) = keys::message(event) else {
            return;
        };
        match message {
            Msg::Key(key) if key == Key::ctrl('z') => self.away = Some(Away::Stopped),
            Msg::Key(key) if self.types(key) => {
                if let Some(editor) = &mut self.editor {
                    editor.press(key);
                }
                self.edited();
            }
            Msg::Paste(text) if self.types(Key::char(' ')) => {
                if let Some(editor) = &mut self.editor {
                    editor.paste(&text);
                }
                self.edited();
            }
            message => self.take(message),
        }
    }

    /// Whether a key goes to the editor's widget.
    fn types(&self, key: Key) -> bool {
        matches!(self.model.overlay, Some(Overlay::Editing(_)))
            && self.editor.is_some()
            && edit_key(key).is_none()
    }

    /// Tells the model what the widget holds.
    fn edited(&mut self) {
        let Some(editor) = &self.editor else { return };
        let text = editor.text();
        if let Some(Overlay::Editing(editing)) = &mut self.model.overlay {
            editing.text = text;
        }
        self.model.dirty = true;
    }

    /// Takes in a message and begins what comes of it.
    fn take(&mut self, message: Msg) {
        for task in update(&mut self.model, message) {
            match task {
                Task::Copy { text } => {
                    let (grave, said) = match self.screen.copy(&text) {
                        Ok(count) => (false, format!("{count} characters on the clipboard")),
                        Err(error) => (true, format!("cannot copy: {error}")),
                    };
                    self.model.say(grave, said);
                }
                Task::EditExternally { text } => self.away = Some(Away::Editing(text)),
                Task::Notify(notice) => {
                    let settings = &self.model.notifier.settings;
                    if let Err(error) = self.screen.notify(&notice, settings) {
                        tracing::warn!("the operator cannot be told, {error}");
                    }
                    notices::command(&settings.command, &notice, |why| tracing::warn!("{why}"));
                }
                Task::Quit => self.model.quitting = true,
                task => self.services.start(task, &self.model.board),
            }
        }
        match &self.model.overlay {
            Some(Overlay::Editing(editing)) => match &mut self.editor {
                Some(editor) => editor.sync(editing),
                None => self.editor = Some(Editor::new(editing)),
            },
            // A question about the edited text keeps the widget, with its history.
            Some(Overlay::Confirm { .. }) => {}
            _ => self.editor = None,
        }
    }

    /// Leaves the terminal to somebody else, and takes it again.
    fn leave_for(&mut self, away: Away) -> io::Result<()> {
        match away {
            Away::Stopped => self.screen.stop()?,
            Away::Editing(text) => match self.screen.edit(&text) {
                Ok(text) => self.take(Msg::Edited { text }),
                Err(why) => self.model.say(true, why),
            },
        }
        let (columns, rows) = self.screen.size()?;
        self.take(Msg::Resize { columns, rows });
        self.model.redraw = true;
        Ok(())
    }
}

/// Why somebody else has the terminal.
enum Away {
    /// The process is stopped.
    Stopped,
    /// The operator's own editor is open over this text.
    Editing(String),
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
    use ratatui::backend::TestBackend;

    use super::*;

    /// What the loop did, in order.
    type Log = Rc<RefCell<Vec<String>>>;

    struct Staged {
        log: Log,
        terminal: Terminal<TestBackend>,
    }

    impl Screen for Staged {
        fn draw(&mut self, model: &Model, theme: &Theme, editor: Option<&Editor>) -> io::Result<()> {
            self.log.borrow_mut().push("draw".to_owned());
            self.terminal.draw(|f| draw(model, theme, editor, f)).unwrap();
            Ok(())
        }
        fn clear(&mut self) -> io::Result<()> {
            Ok(())
        }
        fn copy(&mut self, text: &str) -> io::Result<usize> {
            self.log.borrow_mut().push(format!("copy {text}"));
            Ok(text.len())
        }
        fn notify(&mut self, notice: &Notice, _: &Settings) -> io::Result<()> {
            self.log.borrow_mut().push(format!("notify {}", notice.text));
            Ok(())
        }
        fn edit(&mut self, text: &str) -> Result<String, String> {
            self.log.borrow_mut().push(format!("edit {text}"));
            Ok(format!("{text} edited"))
        }
        fn stop(&mut self) -> io::Result<()> {
            self.log.borrow_mut().push("stop".to_owned());
            Ok(())
        }
        fn size(&self) -> io::Result<(u16, u16)> {
            Ok((80, 24))
        }
    }

    /// Events that were typed beforehand; after the last one nothing comes.
    struct Typed {
        log: Log,
        events: Rc<RefCell<Vec<Event>>>,
    }

    struct Listening {
        log: Log,
        events: Rc<RefCell<Vec<Event>>>,
    }

    impl Stream for Listening {
        type Item = io::Result<Event>;
        fn poll_next(
            self: std::pin::Pin<&mut Self>,
            context: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Self::Item>> {
            assert!(!context.waker().will_wake(std::task::Waker::noop()), "nobody would be woken");
            let mut events = self.events.borrow_mut();
            if events.is_empty() {
                return std::task::Poll::Pending;
            }
            std::task::Poll::Ready(Some(Ok(events.remove(0))))
        }
    }

    impl Drop for Listening {
        fn drop(&mut self) {
            self.log.borrow_mut().push("deaf".to_owned());
        }
    }

    impl Input for Typed {
        type Events = Listening;
        fn open(&mut self) -> Listening {
            self.log.borrow_mut().push("listen".to_owned());
            Listening { log: self.log.clone(), events: self.events.clone() }
        }
    }

    fn key(c: char) -> Event {
        Event::Key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE))
    }

    fn ctrl(c: char) -> Event {
        Event::Key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL))
    }

    struct Lived {
        log: Vec<String>,
        tasks: Vec<Task>,
        exit: Option<Exit>,
        messages: Vec<String>,
    }

    /// Lives through events and messages until the console leaves or nothing more happens.
    fn live(events: Vec<Event>, messages: Vec<Msg>, signals: Vec<i32>) -> Lived {
        let log: Log = Rc::default();
        let tasks = Rc::new(RefCell::new(Vec::new()));
        let begun = tasks.clone();
        let screen = Staged { log: log.clone(), terminal: Terminal::new(TestBackend::new(80, 24)).unwrap() };
        let input = Typed { log: log.clone(), events: Rc::new(RefCell::new(events)) };
        let model = Model::new(Timestamp::now(), 80, 24);
        let theme = Theme::dark(crate::screen::Depth::None, false);
        let mut console = Console::new(model, theme, screen, input, move |task, _: &Board| {
            begun.borrow_mut().push(task);
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let exit = runtime.block_on(async {
            let (out, inbox) = mpsc::channel(64);
            for message in messages {
                out.try_send(message).unwrap();
            }
            let signals = futures_util::stream::iter(signals);
            let mut life = Box::pin(console.live(inbox, signals));
            let idle = async {
                for _ in 0..2_000 {
                    tokio::task::yield_now().await;
                }
            };
            let exit = tokio::select! {
                biased;
                exit = &mut life => Some(exit.unwrap()),
                () = idle => None,
            };
            drop(out);
            exit
        });
        Lived {
            log: log.borrow().clone(),
            tasks: tasks.borrow().clone(),
            exit,
            messages: console.model.messages.iter().map(|m| m.text.clone()).collect(),
        }
    }

    #[test]
    fn a_console_to_which_nothing_happens_draws_once() {
        let lived = live(Vec::new(), Vec::new(), Vec::new());
        assert_eq!(lived.exit, None);
        assert_eq!(lived.log.iter().filter(|l| *l == "draw").count(), 1);
    }

    #[test]
    fn what_is_ready_is_taken_in_at_once_and_drawn_once() {
        let toast = |text: &str| Msg::Toast { grave: false, text: text.to_owned() };
        let lived = live(Vec::new(), (0..50).map(|n| toast(&n.to_string())).collect(), Vec::new());
        assert_eq!(lived.messages.len(), 50);
        assert!(lived.log.iter().filter(|l| *l == "draw").count() <= 2);
    }

    #[test]
    fn leaving_and_signals_end_it() {
        assert_eq!(live(vec![key('q')], Vec::new(), Vec::new()).exit, Some(Exit::Left));
        assert_eq!(live(Vec::new(), Vec::new(), vec![15]).exit, Some(Exit::Signal(15)));
    }

    #[test]
    fn tasks_are_handed_on() {
        let lived = live(vec![key('6'), key('V'), key('q')], Vec::new(), Vec::new());
        assert_eq!(lived.tasks, vec![Task::LoadDecisions, Task::Verify]);
    }

    #[test]
    fn nobody_listens_while_the_process_is_stopped() {
        let lived = live(vec![ctrl('z'), key('q')], Vec::new(), Vec::new());
        let order: Vec<&str> = lived.log.iter().map(String::as_str).filter(|l| *l != "draw").collect();
        assert_eq!(order, ["listen", "deaf", "stop", "listen", "deaf"]);
        assert_eq!(lived.exit, Some(Exit::Left));
    }
}
