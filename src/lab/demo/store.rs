//! A store that a lock protects, with fencing and without.

/// One value, and the largest token that has read or written it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Store {
    fence: Fence,
    token: u64,
    value: u64,
}

/// Whether a store checks tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fence {
    /// Refuses a token smaller than one that it has seen.
    Checked,
    /// Ignores tokens.
    Ignored,
}

/// The outcome of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    Done,
    /// This larger token has read or written already.
    Refused(u64),
}

impl Store {
    /// A store with `value`, written under no token.
    #[must_use]
    pub fn new(fence: Fence, value: u64) -> Self {
        Self { fence, token: 0, value }
    }

    /// The value, for the holder with `token`. A store that checks refuses earlier holders from
    /// then on.
    pub fn read(&mut self, token: u64) -> u64 {
        self.token = self.token.max(token);
        self.value
    }

    /// Writes `value` under `token`.
    pub fn write(&mut self, token: u64, value: u64) -> Written {
        if self.fence == Fence::Checked && token < self.token {
            return Written::Refused(self.token);
        }
        self.token = self.token.max(token);
        self.value = value;
        Written::Done
    }

    /// The value now.
    #[must_use]
    pub fn value(&self) -> u64 {
        self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_store_that_checks_refuses_a_smaller_token() {
        let mut checked = Store::new(Fence::Checked, 100);
        let mut ignored = Store::new(Fence::Ignored, 100);
        for store in [&mut checked, &mut ignored] {
            assert_eq!(store.write(18, 150), Written::Done);
        }
        assert_eq!((checked.write(17, 110), checked.value()), (Written::Refused(18), 150));
        assert_eq!((ignored.write(17, 110), ignored.value()), (Written::Done, 110));
        assert_eq!(checked.write(18, 160), Written::Done);
    }

    #[test]
    fn a_read_fences_off_the_holders_before() {
        let mut store = Store::new(Fence::Checked, 100);
        assert_eq!(store.read(17), 100);
        assert_eq!(store.read(18), 100);
        assert_eq!(store.write(17, 110), Written::Refused(18));
        assert_eq!((store.write(18, 150), store.value()), (Written::Done, 150));
    }
}
