//! Locks as JSON.

use crate::base::locks::{HolderView, LockView, Mode, Name, WaiterView};
use crate::base::text::hex_unless_text;
use crate::wire::{Condition, OrderShown};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Locks, each with the least remaining time of its holder's session in milliseconds, and orders to
/// holders; beside them the condition that keeps the cluster from granting.
pub(super) fn to_json(
    rows: &[(LockView, u64)],
    orders: &[OrderShown],
    condition: &Condition,
) -> Value {
    let orders: BTreeMap<&Name, &OrderShown> =
        orders.iter().map(|order| (&order.name, order)).collect();
    let shown = |(view, remaining_ms): &(LockView, u64)| {
        lock(view, *remaining_ms, orders.get(&view.name).copied())
    };
    json!({
        "locks": rows.iter().map(shown).collect::<Vec<_>>(),
        "state": condition.state.name(),
        "state_text": condition.shown(),
        "until_ms": condition.until_ms,
    })
}

fn lock(lock: &LockView, remaining_ms: u64, asked: Option<&OrderShown>) -> Value {
    let is_held = lock.token.0 != 0;
    json!({
        "name": lock.name.as_str(),
        "mode": mode(lock.mode),
        "limit": lock.limit,
        "taken": lock.taken,
        "holder": is_held.then_some(&lock.client),
        "token": lock.token.0,
        "value": String::from_utf8_lossy(&lock.value),
        "value_hex": hex_unless_text(&lock.value),
        "since_unix_ms": lock.since_unix_ms,
        "remaining_ms": remaining_ms,
        "asked": lock.is_asked,
        "order": asked.map(order),
        "delayed": lock.is_delayed,
        "holding": lock.holding,
        "others": lock.others.iter().map(other).collect::<Vec<_>>(),
        "waiting": lock.waiting,
        "queue": lock.waiters.iter().map(waiter).collect::<Vec<_>>(),
    })
}

fn order(order: &OrderShown) -> Value {
    json!({
        "token": order.token.0,
        "grace_ms": order.grace_ms,
        "reason": order.reason,
        "to": order.heir,
    })
}

fn other(holder: &HolderView) -> Value {
    json!({
        "holder": holder.client,
        "token": holder.token.0,
        "since_unix_ms": holder.since_unix_ms,
        "permits": holder.permits,
    })
}

fn waiter(waiter: &WaiterView) -> Value {
    json!({
        "client": waiter.client,
        "since_unix_ms": waiter.since_unix_ms,
        "mode": mode(waiter.mode),
        "permits": waiter.permits,
    })
}

fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Exclusive => "exclusive",
        Mode::Shared => "shared",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{SessionId, Token};

    #[test]
    fn a_lock_has_all_its_keys_and_numbers_as_numbers() {
        let client = "b:2".to_owned();
        let waiter = WaiterView {
            session: SessionId(2),
            client: client.clone(),
            since_unix_ms: 9_000,
            mode: Mode::Exclusive,
            permits: 1,
        };
        let other = HolderView {
            token: Token(18),
            session: SessionId(3),
            client,
            since_unix_ms: 6_000,
            permits: 1,
        };
        let view = LockView {
            name: Name::try_from("jobs/x").unwrap(),
            token: Token(17),
            session: SessionId(1),
            client: "a:1".into(),
            value: b"v".to_vec(),
            since_unix_ms: 5_000,
            mode: Mode::Shared,
            limit: 0,
            taken: 2,
            others: vec![other],
            holding: 2,
            is_delayed: false,
            is_asked: true,
            waiters: vec![waiter],
            waiting: 1,
        };
        let order = OrderShown {
            name: view.name.clone(),
            token: Token(18),
            grace_ms: 500,
            reason: "maintenance".into(),
            heir: None,
        };
        let expected = json!({"locks": [{
            "name": "jobs/x", "mode": "shared", "limit": 0, "taken": 2,
            "holder": "a:1", "token": 17, "value": "v", "value_hex": null,
            "since_unix_ms": 5_000, "remaining_ms": 7_500, "asked": true, "delayed": false, "holding": 2,
            "order": {"token": 18, "grace_ms": 500, "reason": "maintenance", "to": null},
            "others": [{"holder": "b:2", "token": 18, "since_unix_ms": 6_000, "permits": 1}],
            "waiting": 1,
            "queue": [{"client": "b:2", "since_unix_ms": 9_000, "mode": "exclusive", "permits": 1}],
        }], "state": "serving", "state_text": null, "until_ms": null});
        assert_eq!(to_json(&[(view, 7_500)], &[order], &Condition::serving()), expected);
    }
}
