//! Hand-overs of a lock: belief ends for good before the bytes leave, and the request is never
//! dropped (safety L13, L14).

use super::Core;
use super::lease::lost;
use super::refusal::is_passing;
use super::requests::Purpose;
use super::types::{CallId, Done, EndReason, LeaseId};
use crate::base::limits::CLIENT_NAME_BYTES_MAX;
use crate::base::locks::{Answer, Operation};
use crate::base::{RequestId, Sample};
use crate::{Error, Status};

impl Core {
    /// Ends belief in `lease` and all other handles on its grant (L13), and hands the lock to a
    /// waiter whose client is called `to`; `None`: to the next. Decided as `Done::Obeyed`;
    /// NOT_FOUND if there was no such waiter: then the lock is released all the same; LOST if the
    /// lease had ended.
    pub fn transfer(&mut self, now: &Sample, lease: LeaseId, to: Option<String>) -> CallId {
        self.check_belief(now);
        let call = self.new_call();
        if let Err(error) = check_heir(to.as_deref()) {
            self.decide(call, Err(error));
            return call;
        }
        let Some(token) = self.leases.token(lease) else {
            self.decide(call, Err(lost()));
            return call;
        };
        let grant = self.end_grant(token, EndReason::Transferred);
        let grant = grant.unwrap_or_else(|| panic!("{lease:?} of {token:?} has no grant"));
        let session = self.session.as_mut();
        let session = session.unwrap_or_else(|| panic!("{lease:?} outlives its session"));
        let keys = grant.keys();
        let operation = Operation::Transfer { name: grant.name, token, to };
        session.window.submit(operation, Purpose::Transfer(Some(call)), keys, self.largest_token);
        call
    }

    pub(super) fn handle_transfer_answer(
        &mut self,
        now: &Sample,
        (call, request): (Option<CallId>, RequestId),
        answer: Answer,
    ) {
        let result = match answer {
            Answer::Done => Ok(Done::Obeyed),
            Answer::NoWaiter => {
                let text = "who was to have it has left meanwhile; the lock was released";
                Err(Error::new(Status::NotFound, text))
            }
            Answer::NotHeld | Answer::Ended { .. } => Err(lost()),
            Answer::Refused(refusal) if is_passing(refusal) => return self.retry(now, request),
            Answer::Refused(refusal) => {
                self.release_instead(request);
                Err(self.refused(refusal))
            }
            // No answer to a transfer.
            _ => return,
        };
        self.remove_request(request);
        if let Some(call) = call {
            self.decide(call, result);
        }
    }

    /// Releases a grant that the server does not transfer: nobody believes in it any more.
    fn release_instead(&mut self, request: RequestId) {
        let Some(session) = &mut self.session else { return };
        let Some(refused) = session.window.outstanding(request) else { return };
        let (keys, above) = (refused.keys.clone(), refused.above);
        if let Operation::Transfer { name, token, .. } = refused.operation.clone() {
            let operation = Operation::Release { name, token };
            session.window.submit(operation, Purpose::Release(None), keys, above);
        }
    }
}

/// Checks the name of an heir's client.
pub(super) fn check_heir(to: Option<&str>) -> Result<(), Error> {
    let bytes = to.map_or(0, str::len);
    if bytes <= CLIENT_NAME_BYTES_MAX {
        return Ok(());
    }
    let text = format!("a client's name has at most {CLIENT_NAME_BYTES_MAX} bytes, not {bytes}");
    Err(Error::new(Status::Invalid, text))
}
