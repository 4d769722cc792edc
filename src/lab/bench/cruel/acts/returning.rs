//! Leadership moves, and very many clients reconnect to the new leader at once.

use super::wrong;
use crate::cli::failure::Failure;
use crate::cli::order;
use crate::lab::bench::cruel::herd::{Herd, Kind};
use crate::lab::bench::cruel::stage::Stage;
use std::time::Duration;
use tenure::wire::Order;

pub fn play(stage: &mut Stage<'_>) -> Result<(), Failure> {
    let returning = stage.sizes.returning;
    let connections = usize::try_from(returning).expect("few clients");
    let kind = Kind { connections, sessions: 1, ttl: TTL, locks: Some("returning") };
    let name = format!("{returning} clients connect, and take a lock each");
    let mut herd = stage.act(name, &mut (), |stage, ()| {
        Herd::open(kind, &stage.to.endpoints, &stage.leader_address()?)
    })?;
    let name = format!("leadership is moved, and {returning} clients come back");
    stage.act_that_moves_leadership(name, &mut herd, |stage, herd| {
        let term = stage.leader()?.term.0;
        order::give(stage.to, &Order::MoveLeader { to: None })?;
        herd.come_back(term)
    })?;
    if herd.lost() > 0 {
        let lost = herd.lost();
        return Err(wrong(format!("of {returning} sessions {lost} ended, though all came back")));
    }
    stage.check("sessions that came back", connections);
    herd.close().map(drop)
}

const TTL: Duration = Duration::from_secs(60);
