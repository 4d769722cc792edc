//! O3: behind the no-op of its term a leader appends nothing before that is committed. The extraction of a state from
//! the directory of one node rests on it (L15): a log alone then shows that an entry was committed.

use super::Violation;
use crate::base::Term;
use crate::raft::Entry;

/// Checks an entry that nobody had before. The first one of its term has `first` before it in the log; `committed`: the term
/// of the committed entry there, if one is known.
///
/// # Errors
/// That one is not committed.
pub(super) fn check_begun(
    entry: &Entry,
    first: usize,
    committed: Option<Term>,
) -> Result<(), Violation> {
    let (index, term) = (entry.index.0, entry.term);
    if index == first as u64 + 1 || committed == Some(term) {
        return Ok(());
    }
    let what = format!(
        "entry {index} of term {term} was appended before the first one of that term, {}, was committed",
        first + 1
    );
    Err(Violation::new("O3", what))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Index;
    use crate::raft::{EntryHeader, EntryKind, Payload};

    #[test]
    fn an_entry_behind_a_no_op_that_is_not_committed_is_found() {
        let header = EntryHeader { format: 1, kind: EntryKind::Command, proposer_unix_ms: 0 };
        let entry = Entry { term: Term(3), index: Index(7), header, payload: Payload::empty() };
        let is_found = |first, committed| check_begun(&entry, first, committed).is_err();
        assert!(!is_found(6, None), "the no-op itself");
        assert!(!is_found(4, Some(Term(3))));
        assert!(is_found(4, None) && is_found(4, Some(Term(2))));
    }
}
