//! The channels as configured: what the console starts, and what `doctor` looks at.

use std::path::PathBuf;
use std::time::Duration;

use super::Common;
use crate::config::OnHoldTimeout;
use crate::deliver::hook::TimedOut;
use crate::deliver::{command, post, server, tmux};

/// What an agent is told when a hold is over.
pub(super) fn timed_out(word: OnHoldTimeout) -> TimedOut {
    match word {
        OnHoldTimeout::GoOn => TimedOut::GoOn,
        OnHoldTimeout::Deny => TimedOut::Deny,
        OnHoldTimeout::Ask => TimedOut::Ask,
    }
}

/// Where the socket is.
pub(super) fn socket(common: &Common) -> PathBuf {
    common.state_directory.join("medbay.sock")
}

/// Where the token for HTTP lies.
pub(super) fn token(common: &Common) -> PathBuf {
    common.state_directory.join("http-token")
}

/// How agents are answered that ask; `None`: they are not.
pub(super) fn server(common: &Common) -> Option<server::Setup> {
    let config = &common.config;
    let port = Some(*config.http_port).filter(|port| *port != 0);
    (*config.socket || port.is_some()).then(|| server::Setup {
        ledger: common.db().to_owned(),
        socket: config.socket.then(|| socket(common)),
        port,
        token: token(common),
        mode: *config.mode,
        hold: Duration::from_secs((*config.gate_seconds).into()),
        timed_out: timed_out(*config.on_hold_timeout),
        lease: server::LEASE,
    })
}

/// How texts are carried to agents that do not ask.
pub(super) fn post(common: &Common) -> post::Setup {
    let config = &common.config;
    let environment = &common.environment;
    post::Setup {
        tmux: tmux::Carrier { formats: config.tmux.value.clone(), server: Vec::new() },
        command: command::Carrier {
            argv: config.command.value.clone(),
            formats: config.command_agents.value.clone(),
            limit: Duration::from_secs((*config.command_seconds).into()),
            environment: command::VARIABLES
                .iter()
                .filter_map(|name| Some(((*name).to_owned(), environment.path(name)?.into_os_string())))
                .collect(),
        },
        started: common.state_directory.join("started"),
    }
}
