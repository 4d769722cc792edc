//! Lists: very many reads at once, a list that is read to its end, and one lock that very many observe.

use super::{LONG_TTL, NAMES, wrong};
use crate::cli::failure::Failure;
use crate::lab::bench::cruel::party::{Party, name};
use crate::lab::bench::cruel::stage::Stage;
use tenure::base::limits::OBSERVERS_PER_CONNECTION_MAX;
use tenure::client::core::{AcquireCall, Done, Wait};
use tenure::lock::Name;
use tenure::sys::clock;
use tenure::wire::{Query, ReadAnswer};

pub fn play(stage: &mut Stage<'_>) -> Result<(), Failure> {
    read_at_once(stage)?;
    read_whole(stage)?;
    observe(stage)
}

fn read_at_once(stage: &mut Stage<'_>) -> Result<(), Failure> {
    let reads = stage.sizes.reads;
    let clients = reads.div_ceil(READS_OF_ONE);
    let mut reader = Party::new(stage, clients, |_| "cruel/reader".to_owned(), LONG_TTL)?;
    for place in 0..reader.len() {
        reader.session(place)?;
    }
    let name = format!("{reads} reads of {NAMES} locks at once");
    let locks_read = stage.act(name, &mut reader, |_, reader| {
        for read in 0..reads {
            let place = usize::try_from(read / READS_OF_ONE).expect("few clients");
            reader.read(place, list(None));
        }
        let (mut left, mut locks_read) = (reads, 0);
        reader.until("reads", |party| {
            for (_, (_, result)) in party.take_decided() {
                locks_read += page(result?)?.0;
                left -= 1;
            }
            Ok((left == 0).then_some(locks_read))
        })
    })?;
    if locks_read as u64 != reads * NAMES {
        return Err(wrong(format!("{reads} reads have read {locks_read} locks")));
    }
    stage.check("locks that were read", locks_read);
    reader.close()
}

/// Reads a list as `tenure show` does: page after page, each from the end of the one before.
fn read_whole(stage: &mut Stage<'_>) -> Result<(), Failure> {
    let rows = stage.sizes.rows.min(stage.sizes.locks) as usize;
    let mut reader = Party::new(stage, 1, |_| "cruel/reader".to_owned(), LONG_TTL)?;
    reader.session(0)?;
    let name = format!("a list of {rows} locks is read to its end");
    let read = stage.act(name, &mut reader, |_, reader| {
        let (mut after, mut read) = (None, 0);
        while read < rows {
            reader.read(0, list(after.take()));
            let (count, last) =
                reader.until("reads", |party| match party.take_decided().pop() {
                    Some((_, (_, result))) => page(result?).map(Some),
                    None => Ok(None),
                })?;
            read += count;
            after = last;
            if after.is_none() {
                break;
            }
        }
        Ok(read)
    })?;
    if read < rows {
        return Err(wrong(format!("a list of {rows} locks had {read}")));
    }
    stage.check("locks that were listed", read);
    reader.close()
}

/// How many locks a page has, and the last of them.
fn page(done: Done) -> Result<(usize, Option<Name>), Failure> {
    match done {
        Done::Read { answer: ReadAnswer::Locks { locks, .. }, .. } => {
            Ok((locks.len(), locks.last().map(|(lock, _)| lock.name.clone())))
        }
        other => Err(wrong(format!("a list was answered by {other:?}"))),
    }
}

fn list(after: Option<Name>) -> Query {
    Query::Locks { prefix: "cruel/held/".to_owned(), after, limit: NAMES as u32 }
}

fn observe(stage: &mut Stage<'_>) -> Result<(), Failure> {
    let rows = stage.sizes.rows;
    let of_one = OBSERVERS_PER_CONNECTION_MAX as u64;
    let clients = rows.div_ceil(of_one);
    let mut party = Party::new(stage, clients, |place| format!("cruel/sees/{place}"), LONG_TTL)?;
    let mut holder = Party::new(stage, 1, |_| "cruel/seen".to_owned(), LONG_TTL)?;
    let changes = |party: &Party| party.sum(|member| member.heard.changes);
    stage.act(format!("{rows} observers of one lock begin"), &mut party, |_, party| {
        for observer in 0..rows {
            let place = usize::try_from(observer / of_one).expect("few clients");
            party.member(place).core.observe(&clock::sample(), name("seen", 0));
        }
        party.until("hears who holds what it observes", |party| {
            Ok((changes(party) >= rows).then_some(()))
        })
    })?;
    stage.act(format!("{rows} observers hear of a change"), &mut party, |_, party| {
        holder.want(0, AcquireCall::lock(name("seen", 0), Wait::Forever));
        holder.grants(1)?;
        party.until("hears of another holder", |party| {
            Ok((changes(party) >= 2 * rows).then_some(()))
        })
    })?;
    stage.check("observers that heard of a change", rows as usize);
    party.close()?;
    holder.close()
}

/// Reads of one client under way at once.
const READS_OF_ONE: u64 = 1024;
