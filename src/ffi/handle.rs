//! Handles: a slot and a generation in the shape of a pointer, and the one place that casts them.
//!
//! ```text
//! generation (32 bits) | slot (24 bits) | mark (8 bits)
//! ```
//!
//! The mark is odd, so no aligned pointer passes for a handle. A handle is never dereferenced.

use super::client::{ClientObject, tenure_client};
use super::holder::{HolderObject, tenure_holder};
use super::lease::{LeaseObject, tenure_lease};
use super::node::{NodeObject, tenure_node};
use super::observer::{ObserverObject, tenure_observer};
use super::pending::{PendingObject, tenure_pending};
use super::table::{Closed, Key, SLOTS_MAX, Table, Visit};
use crate::sys::fork;
use crate::{Error, Status};
use std::marker::PhantomData;
use std::ops::Deref;

/// Any object of which C holds a handle.
#[derive(Debug)]
pub(super) enum Object {
    Client(ClientObject),
    Lease(LeaseObject),
    Pending(PendingObject),
    Holder(HolderObject),
    Observer(ObserverObject),
    Node(NodeObject),
}

/// One kind of object, with the C type of its handle.
pub(super) trait Exported: Sized {
    /// The opaque C type.
    type Handle;
    /// The name of the kind in messages.
    const NAME: &'static str;

    /// Wraps the object for the table.
    fn into_object(self) -> Object;

    /// The object in `object`, if it is of this kind.
    fn of_object(object: &Object) -> Option<&Self>;
}

macro_rules! exported {
    ($($variant:ident: $object:ty => $handle:ty, $name:literal;)*) => {$(
        impl Exported for $object {
            type Handle = $handle;
            const NAME: &'static str = $name;

            fn into_object(self) -> Object {
                Object::$variant(self)
            }

            fn of_object(object: &Object) -> Option<&Self> {
                match object {
                    Object::$variant(object) => Some(object),
                    _ => None,
                }
            }
        }
    )*};
}

exported! {
    Client: ClientObject => tenure_client, "client";
    Lease: LeaseObject => tenure_lease, "lease";
    Pending: PendingObject => tenure_pending, "pending";
    Holder: HolderObject => tenure_holder, "holder";
    Observer: ObserverObject => tenure_observer, "observer";
    Node: NodeObject => tenure_node, "node";
}

/// Access to one object for the length of a call.
#[derive(Debug)]
pub(super) struct Entered<T> {
    visit: Visit<'static, Object>,
    kind: PhantomData<fn() -> T>,
}

impl<T: Exported> Deref for Entered<T> {
    type Target = T;

    fn deref(&self) -> &T {
        T::of_object(&self.visit).expect("the kind was compared on entering")
    }
}

/// Stores `object` and writes its handle to `out`; on failure `out` keeps its NULL and the object is dropped.
pub(super) fn export<T: Exported>(object: T) -> Result<*mut T::Handle, Error> {
    fork::watch();
    let key = TABLE
        .insert(object.into_object(), fork::generation())
        .map_err(|_| Error::new(Status::Limit, "this process has no handles left; free some"))?;
    Ok(std::ptr::without_provenance_mut(address(key)))
}

/// Enters the object behind `handle`.
pub(super) fn enter<T: Exported>(handle: *const T::Handle) -> Result<Entered<T>, Error> {
    let key = key::<T>(handle)?;
    let visit = TABLE.visit(key, fork::generation()).map_err(closed::<T>)?;
    if T::of_object(&visit).is_none() {
        return Err(not_a::<T>());
    }
    Ok(Entered { visit, kind: PhantomData })
}

/// Frees `handle`, which is stale from now on. `end` is called first, to wake the calls that use
/// the object; the object is dropped when the last of them has returned. NULL is ignored.
pub(super) fn free<T: Exported>(handle: *mut T::Handle, end: impl FnOnce(&T)) -> Result<(), Error> {
    if handle.is_null() {
        return Ok(());
    }
    match enter::<T>(handle) {
        Ok(entered) if entered.visit.close() => end(&entered),
        Ok(_) => return Err(not_a::<T>()),
        Err(Error { status: Status::Forked | Status::Internal, .. }) => {
            // The object's threads are the parent's, or its state is broken: no code of it may run.
            TABLE.leak(key::<T>(handle)?);
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

fn key<T: Exported>(handle: *const T::Handle) -> Result<Key, Error> {
    let address = handle.addr() as u64;
    if handle.is_null() || address & 0xff != MARK {
        return Err(not_a::<T>());
    }
    Ok(Key { generation: (address >> 32) as u32, index: (address >> 8) as u32 & 0x00ff_ffff })
}

fn address(key: Key) -> usize {
    ((u64::from(key.generation) << 32) | (u64::from(key.index) << 8) | MARK) as usize
}

fn not_a<T: Exported>() -> Error {
    let name = T::NAME;
    Error::new(Status::Invalid, format!("this is not a {name}, or it was freed"))
}

fn closed<T: Exported>(why: Closed) -> Error {
    match why {
        Closed::Stale => not_a::<T>(),
        Closed::Forked => Status::Forked.into(),
        Closed::Broken => {
            let name = T::NAME;
            Error::new(Status::Internal, format!("a bug in Tenure ended this {name}; free it"))
        }
    }
}

static TABLE: Table<Object> = Table::new();

const MARK: u64 = 0x5b;

const _: () = assert!(size_of::<usize>() == 8, "a handle needs 64 bits");
const _: () = assert!(SLOTS_MAX <= 1 << 24);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_keys_are_the_same_thing() {
        for key in
            [Key { index: 0, generation: 1 }, Key { index: SLOTS_MAX - 1, generation: u32::MAX }]
        {
            let handle = std::ptr::without_provenance::<tenure_lease>(address(key));
            assert_eq!(super::key::<LeaseObject>(handle).unwrap(), key);
        }
    }

    #[test]
    fn what_is_not_a_handle_is_invalid_for_every_kind() {
        for address in [0usize, 1, 8, 0x5b, 0x1_0000_005b, 0x7fff_ffff_f000, usize::MAX] {
            let status = |error: Error| error.status;
            let pointer = std::ptr::without_provenance_mut(address);
            assert_eq!(enter::<ClientObject>(pointer).map_err(status).err(), Some(Status::Invalid));
            let freed = free::<NodeObject>(pointer.cast(), |_| {}).map_err(status).err();
            assert_eq!(freed, (address != 0).then_some(Status::Invalid));
        }
    }
}
