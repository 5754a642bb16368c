//! Handing events on: what every reader does around the meaning of a record.

use std::borrow::Cow;

use jiff::Timestamp;

use super::json::{is_blank, mended};
use crate::trace::{Event, EventKind, PlanItem};

/// Hands a record's events to the reader's sink, each with the record's agent and time, and sees to
/// it that there is at least one.
pub(super) struct Emit<'s, 'a> {
    sink: &'s mut dyn FnMut(Event<'a>),
    /// The agent of the events that follow.
    pub(super) agent: Option<Cow<'a, str>>,
    /// The time of the events that follow.
    pub(super) time: Option<Timestamp>,
    any: bool,
}

impl<'s, 'a> Emit<'s, 'a> {
    /// For events of the source's agent, without time.
    pub(super) fn new(sink: &'s mut dyn FnMut(Event<'a>)) -> Self {
        Self { sink, agent: None, time: None, any: false }
    }

    /// Emits an event of the record's agent.
    pub(super) fn say(&mut self, kind: EventKind<'a>) {
        let agent = self.agent.clone();
        self.say_as(agent, kind);
    }

    /// Emits an event of another agent.
    pub(super) fn say_as(&mut self, agent: Option<Cow<'a, str>>, kind: EventKind<'a>) {
        self.any = true;
        (self.sink)(Event { agent, time: self.time, kind });
    }

    /// Emits [`EventKind::Unknown`].
    pub(super) fn unknown(&mut self, kind: impl Into<Cow<'a, str>>) {
        self.say(EventKind::Unknown { kind: kind.into() });
    }

    /// Emits [`EventKind::Ignored`] if the record has led to nothing.
    pub(super) fn finish(&mut self) {
        if !self.any {
            self.say(EventKind::Ignored);
        }
    }
}

/// Runs `read` over a record, over a mended copy of it where it fails, and tells of an unknown record
/// where that fails too. `read` returns whether the record could be parsed, and must emit nothing
/// where it could not.
pub(super) fn read_or_mend<'a>(
    record: &'a [u8],
    sink: &mut dyn FnMut(Event<'a>),
    mut read: impl for<'r> FnMut(&'r str, &mut dyn FnMut(Event<'r>)) -> bool,
) {
    if is_blank(record) {
        Emit::new(sink).finish();
        return;
    }
    if let Ok(record) = std::str::from_utf8(record)
        && read(record, sink)
    {
        return;
    }
    if let Some(copy) = mended(record)
        && read(&copy, &mut |event| sink(owned(event)))
    {
        return;
    }
    Emit::new(sink).unknown("not JSON");
}

/// The event with its texts copied, so that it outlives its record.
pub(super) fn owned(event: Event<'_>) -> Event<'static> {
    fn own(text: Cow<'_, str>) -> Cow<'static, str> {
        Cow::Owned(text.into_owned())
    }
    let kind = match event.kind {
        EventKind::System { text } => EventKind::System { text: own(text) },
        EventKind::Prompt { text, author } => EventKind::Prompt { text: own(text), author },
        EventKind::Reasoning { text } => EventKind::Reasoning { text: own(text) },
        EventKind::Message { text, closing } => EventKind::Message { text: own(text), closing },
        EventKind::Call { call_id, tool, input } => {
            EventKind::Call { call_id: own(call_id), tool: own(tool), input: own(input) }
        }
        EventKind::Result { call_id, status, exit_code, text } => {
            EventKind::Result { call_id: own(call_id), status, exit_code, text: own(text) }
        }
        EventKind::InputReplaced { call_id, input } => {
            EventKind::InputReplaced { call_id: own(call_id), input: own(input) }
        }
        EventKind::Plan { items } => EventKind::Plan {
            items: items
                .into_iter()
                .map(|item| PlanItem { text: own(item.text), status: item.status })
                .collect(),
        },
        EventKind::Handoff { to, call_id, text } => {
            EventKind::Handoff { to: own(to), call_id: own(call_id), text: own(text) }
        }
        EventKind::Return { from, call_id, text } => {
            EventKind::Return { from: own(from), call_id: own(call_id), text: own(text) }
        }
        EventKind::Usage(usage) => EventKind::Usage(usage),
        EventKind::Fact { of, text } => EventKind::Fact { of, text: own(text) },
        EventKind::Tools { tools } => EventKind::Tools {
            tools: tools.into_iter().map(|(name, schema)| (own(name), own(schema))).collect(),
        },
        EventKind::Lifecycle { what, text } => EventKind::Lifecycle { what, text: own(text) },
        EventKind::Receipt { text } => EventKind::Receipt { text: own(text) },
        EventKind::Ignored => EventKind::Ignored,
        EventKind::Unknown { kind } => EventKind::Unknown { kind: own(kind) },
    };
    Event { agent: event.agent.map(own), time: event.time, kind }
}
