//! The power goes, or the process dies, at each operation of a life.

use crate::wal::account::{Account, Seen, live};
use crate::wal::disk::{Survival, TestDisk};
use crate::wal::history::{NODE, founded, reopen, write};
use tenure::base::rng::Rng;
use tenure::base::{NodeId, Term};
use tenure::raft::{HardState, Write};

/// Lives until the power goes after `cut` operations; `false` if the life ended before.
fn live_until(disk: &TestDisk, account: &mut Account, rng: &mut Rng, cut: u64) -> bool {
    disk.cut_power_after(cut);
    let ended = live(disk, account, rng, TURNS);
    assert!(ended.is_ok() || disk.is_dark(), "only the power may end a life: {ended:?}");
    ended.is_err()
}

/// Cuts a life at each of its operations, and then the one after it, and then lives on.
fn cut_everywhere(survival: Survival, seed: u64) {
    let mut cut = 0;
    loop {
        let mut rng = Rng::new(seed);
        let disk = TestDisk::default();
        let mut account = Account::new();
        let was_cut = live_until(&disk, &mut account, &mut rng, cut);
        // Faults of the medium have dice of their own, so that each cut meets the same life.
        let mut chance = Rng::new(seed ^ (cut << 20));
        disk.restore_power(survival, &mut chance);
        let second_cut = chance.below(40);
        live_until(&disk, &mut account, &mut chance, second_cut);
        disk.restore_power(survival, &mut chance);
        live(&disk, &mut account, &mut chance, 3).expect("boots unattended");
        if !was_cut {
            return;
        }
        cut += 1;
    }
}

#[test]
fn the_lives_that_are_cut_meet_everything() {
    let mut seen = Seen::default();
    for seed in 0..8 {
        let disk = TestDisk::default();
        let mut account = Account::new();
        account.seen = seen;
        let mut rng = Rng::new(seed);
        for _ in 0..3 {
            live(&disk, &mut account, &mut rng, TURNS).expect("the disk is sound");
            disk.kill_process();
        }
        seen = account.seen;
    }
    assert!(seen.taken > 10 && seen.installed > 10 && seen.compacted_starts > 5, "{seen:?}");
}

#[test]
fn st2_a_power_cut_that_drops_all_unsynced_data_loses_nothing_acknowledged() {
    (0..4).for_each(|seed| cut_everywhere(Survival::Nothing, seed));
}

#[test]
fn st3_a_power_cut_that_keeps_random_sectors_and_names_loses_nothing_acknowledged() {
    (0..24).for_each(|seed| cut_everywhere(Survival::Random, seed));
}

#[test]
fn st2_a_power_cut_that_keeps_everything_loses_nothing_acknowledged() {
    (0..4).for_each(|seed| cut_everywhere(Survival::Everything, seed));
}

#[test]
fn st1_what_a_restart_found_in_the_page_cache_is_durable_before_it_is_used() {
    for seed in 0..8 {
        for cut in 0.. {
            let mut rng = Rng::new(seed);
            let disk = TestDisk::default();
            let mut account = Account::new();
            let was_killed = live_until(&disk, &mut account, &mut rng, cut);
            disk.kill_process();
            // This start only reads; then the power goes, and the next start compares.
            live(&disk, &mut account, &mut rng, 0).expect("boots unattended");
            disk.restore_power(Survival::Nothing, &mut rng);
            live(&disk, &mut account, &mut rng, 3).expect("boots unattended");
            if !was_killed {
                break;
            }
        }
    }
}

const TURNS: u32 = 24;

#[test]
fn w6_a_power_cut_that_tears_sectors_costs_no_vote() {
    let old = HardState { term: Term(1), vote: Some(NODE) };
    let new = HardState { term: Term(0x0102_0304_0506_0708), vote: Some(NodeId(1)) };
    for (cut, seed) in (0..=4).flat_map(|cut| (0..64).map(move |seed| (cut, seed))) {
        let disk = TestDisk::default();
        let mut wal = founded(&disk);
        disk.cut_power_after(cut);
        let wrote = wal.append(&Write { hard_state: Some(new), ..write(1..1, 0) });
        drop(wal);
        disk.restore_power(Survival::Torn, &mut Rng::new(seed));
        let found = reopen(&disk).expect("one copy is whole").1.hard_state;
        assert!(found == new || wrote.is_err() && found == old, "{cut} {seed}: {found:?}");
    }
}
