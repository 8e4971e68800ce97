//! Roles and instances: kept running until told to stop.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::time::Instant;

use super::child::{self, Input};
use super::link::Link;
use super::{Event, Role, Supervisor, SupervisorError, chain, orphans};
use crate::protocol::{FromSupervisor, InstanceSpec, Status};
use crate::restart::{self, Run};

/// Enough to see a crash loop, and more than the doublings up to the longest wait.
const REMEMBERED: usize = 16;

pub(super) enum What {
    Role(Role),
    Instance(InstanceSpec),
}

pub(super) struct Kept {
    pub what: What,
    state: State,
    /// The run that the state is about.
    run: u64,
    history: VecDeque<Run>,
    restarts: u64,
    told_of_loop: bool,
}

enum State {
    Running {
        pid: u32,
        since: Instant,
    },
    Waiting,
    Stopping {
        pid: u32,
        since: Instant,
        then: Option<Box<InstanceSpec>>,
    },
}

impl Kept {
    pub fn pid(&self) -> Option<u32> {
        match self.state {
            State::Running { pid, .. } | State::Stopping { pid, .. } => Some(pid),
            State::Waiting => None,
        }
    }

    /// When what runs was started.
    pub fn since(&self) -> Option<Instant> {
        match self.state {
            State::Running { since, .. } | State::Stopping { since, .. } => Some(since),
            State::Waiting => None,
        }
    }

    pub fn is_linked(&self) -> bool {
        matches!(&self.what, What::Role(role) if role.linked)
    }

    pub fn is_waiting(&self, run: u64) -> bool {
        self.run == run && matches!(self.state, State::Waiting)
    }

    /// Whether `instance` is what runs, or will run, without anything to change.
    pub fn runs(&self, instance: &InstanceSpec) -> bool {
        !matches!(self.state, State::Stopping { .. })
            && matches!(&self.what, What::Instance(own) if own == instance)
    }

    pub fn kill(&self) {
        if let Some(pid) = self.pid() {
            child::signal(pid, Signal::SIGKILL);
        }
    }

    /// Kills what was asked to end and did not.
    pub fn force(&self, run: u64) {
        if self.run == run && matches!(self.state, State::Stopping { .. }) {
            self.kill();
        }
    }
}

impl<R: FnOnce(&str)> Supervisor<R> {
    /// Starts something new and keeps it running.
    pub(super) fn keep(&mut self, name: String, what: What) {
        let kept = Kept {
            what,
            state: State::Waiting,
            run: self.runs,
            history: VecDeque::new(),
            restarts: 0,
            told_of_loop: false,
        };
        self.kept.insert(name.clone(), kept);
        self.start(&name);
    }

    pub(super) fn start(&mut self, name: &str) {
        self.runs += 1;
        let run = self.runs;
        let Some(kept) = self.kept.get_mut(name) else {
            return;
        };
        kept.run = run;
        let mut core = None;
        let (command, confinement, input, keep_stderr) = match &kept.what {
            What::Role(role) if role.linked => {
                let keys = self.keys.as_ref().map(OwnedFd::try_clone).transpose();
                match (Link::pair(), keys) {
                    (Ok((link, end)), Ok(keys)) => {
                        core = Some(link);
                        let input = Input::Link(end, keys);
                        (&role.command, &role.confinement, input, false)
                    }
                    (Err(error), _) | (_, Err(error)) => return self.lost(name, run, &error),
                }
            }
            What::Role(role) => (&role.command, &role.confinement, Input::None, false),
            What::Instance(instance) => {
                if let Err(error) = self.grounds.clear_socket(&instance.socket) {
                    return self.lost(name, run, &error);
                }
                (&instance.command, &instance.confinement, Input::None, true)
            }
        };
        let started = child::start(
            &self.plan.avouch,
            command,
            confinement,
            input,
            keep_stderr,
            &self.living,
        );
        let child = match started {
            Ok(child) => child,
            Err(error) => return self.lost(name, run, &error),
        };
        let pid = child.pid;
        kept.state = State::Running {
            pid,
            since: Instant::now(),
        };
        if core.is_some() {
            self.link = core;
        }
        let events = self.events.clone();
        let owner = name.to_owned();
        tokio::spawn(async move {
            let (status, stderr) = child.end().await;
            events
                .send(Event::Ended {
                    name: owner,
                    run,
                    status,
                    stderr,
                })
                .ok();
        });
        self.tell(FromSupervisor::Started {
            name: name.to_owned(),
            pid,
            ran: Duration::ZERO,
        });
    }

    /// A run that could not begin ends at once, and is tried again as any other.
    fn lost(&mut self, name: &str, run: u64, error: &dyn std::error::Error) {
        let status = Status::Refused(chain(error));
        let name = name.to_owned();
        self.events
            .send(Event::Ended {
                name,
                run,
                status,
                stderr: String::new(),
            })
            .ok();
    }

    pub(super) fn ended(&mut self, name: &str, run: u64, status: Status, stderr: &str) {
        orphans::end(&self.living);
        let ended = Instant::now().duration_since(self.began);
        let Some(kept) = self.kept.get_mut(name).filter(|kept| kept.run == run) else {
            return;
        };
        let linked = kept.is_linked();
        if linked {
            self.link = None;
        }
        if !stderr.is_empty() {
            tracing::warn!(name, %status, "its last words: {}", stderr.escape_debug());
        }
        if let (What::Instance(_), Some(since)) = (&kept.what, kept.since()) {
            let started = since.duration_since(self.began);
            self.ran.add(name, Run { started, ended });
        }
        let restarts = kept.restarts;
        let exited = |restart_in| FromSupervisor::Exited {
            name: name.to_owned(),
            status: status.clone(),
            restarts,
            restart_in,
        };
        let since = match &mut kept.state {
            State::Stopping { then, .. } => {
                let then = then.take();
                self.kept.remove(name);
                self.tell(exited(None));
                self.tell(FromSupervisor::Stopped {
                    name: name.to_owned(),
                });
                match then {
                    Some(instance) if !self.stopping => {
                        self.keep(name.to_owned(), What::Instance(*instance));
                    }
                    _ => self.stop_next(),
                }
                return;
            }
            State::Running { since, .. } => since.duration_since(self.began),
            State::Waiting => ended,
        };
        let gave_up = matches!(status, Status::Code(1..) | Status::Refused(_));
        if matches!(kept.what, What::Role(_)) && self.on_ready.is_some() && gave_up {
            self.kept.remove(name);
            self.failed.get_or_insert(SupervisorError::Role {
                name: name.to_owned(),
                status,
            });
            self.stop_all();
            self.stop_next();
            return;
        }
        if self.stopping {
            self.kept.remove(name);
            self.stop_next();
            return;
        }

        kept.history.push_back(Run {
            started: since,
            ended,
        });
        while kept.history.len() > REMEMBERED {
            kept.history.pop_front();
        }
        let decision = restart::next(kept.history.make_contiguous(), ended);
        kept.state = State::Waiting;
        kept.restarts += 1;
        let role = matches!(kept.what, What::Role(_));
        let newly_looping = decision.crash_loop && !kept.told_of_loop;
        kept.told_of_loop = decision.crash_loop;
        self.tell(exited(Some(decision.wait)));
        if newly_looping {
            self.tell(FromSupervisor::CrashLoop {
                name: name.to_owned(),
            });
            tracing::error!(
                name,
                %status,
                "it keeps dying and is started again more and more slowly; its last words above say why"
            );
        } else if role {
            tracing::warn!(name, %status, wait = ?decision.wait, "it ended and is started again");
        }
        if linked {
            self.end_with_core();
        }
        if decision.wait.is_zero() {
            self.start(name);
            return;
        }
        let events = self.events.clone();
        let name = name.to_owned();
        tokio::spawn(async move {
            tokio::time::sleep(decision.wait).await;
            events.send(Event::Due { name, run }).ok();
        });
    }

    /// Ends jobs, canaries and drills, whose results nobody waits for any more.
    fn end_with_core(&mut self) {
        self.jobs.values().for_each(|stop| {
            stop.send(true).ok();
        });
        let ends: Vec<String> = self
            .kept
            .iter()
            .filter(|(_, kept)| matches!(&kept.what, What::Instance(own) if own.ends_with_core))
            .map(|(name, _)| name.clone())
            .collect();
        ends.iter().for_each(|name| self.stop(name, None));
    }

    /// Asks something to end, by force after the grace, and starts `then` in its place.
    pub(super) fn stop(&mut self, name: &str, then: Option<InstanceSpec>) {
        let Some(kept) = self.kept.get_mut(name) else {
            return;
        };
        let (pid, since) = match &mut kept.state {
            State::Stopping { then: next, .. } => {
                *next = then.map(Box::new);
                return;
            }
            State::Running { pid, since } => (*pid, *since),
            State::Waiting => {
                self.kept.remove(name);
                self.tell(FromSupervisor::Stopped {
                    name: name.to_owned(),
                });
                if let Some(instance) = then {
                    self.keep(name.to_owned(), What::Instance(instance));
                }
                self.stop_next();
                return;
            }
        };
        kept.state = State::Stopping {
            pid,
            since,
            then: then.map(Box::new),
        };
        child::signal(pid, Signal::SIGTERM);
        let events = self.events.clone();
        let (name, run, grace) = (name.to_owned(), kept.run, self.plan.grace);
        tokio::spawn(async move {
            tokio::time::sleep(grace).await;
            events.send(Event::Overdue { name, run }).ok();
        });
    }
}
