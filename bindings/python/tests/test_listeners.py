"""Listeners hear of a loss and of each state of a session, and harm nobody."""

import asyncio
import gc
import logging
import os
import queue
import threading
import unittest
import weakref
from typing import List, Tuple

import tenure
from support import PATIENCE, ClusterCase, cluster
from support_aio import AioCase, connect
from tenure import Reason, SessionState
from tenure._notifier import _notifier
from tenure._reader import Readers
from tenure._watch import LeaseWatch, SessionWatch, Watch, is_over

Heard = Tuple[str, Reason, str]


class LeaseTest(ClusterCase):
    def setUp(self) -> None:
        super().setUp()
        self.heard: "queue.SimpleQueue[Heard]" = queue.SimpleQueue()

    def hear(self, lease: tenure.Lease) -> None:
        self.heard.put((lease.name, lease.reason, threading.current_thread().name))

    def lose(self, lease: tenure.Lease) -> None:
        self.client.break_(lease.name, 0)

    def test_a_loss_is_heard_once_on_the_thread_of_listeners(self) -> None:
        lease = self.client.acquire(self.name)
        lease.add_listener(self.hear)
        lease.add_listener(self.hear)
        self.lose(lease)
        self.assertEqual(self.heard.get(timeout=PATIENCE), (self.name, Reason.BROKEN, "tenure-listeners"))
        later: "queue.SimpleQueue[object]" = queue.SimpleQueue()
        lease.add_listener(later.put)
        self.assertEqual(type(later.get(timeout=PATIENCE)), tenure.Lease)
        self.assertTrue(self.heard.empty())

    def test_what_its_program_gives_back_is_not_lost(self) -> None:
        lease, other = self.client.acquire(self.name), self.client.acquire(self.name + "/other")
        lease.add_listener(self.hear)
        other.add_listener(self.hear)
        lease.release()
        self.lose(other)
        self.assertEqual(self.heard.get(timeout=PATIENCE)[0], other.name)
        self.assertTrue(self.heard.empty())

    def test_a_lease_that_is_asked_is_not_lost_yet(self) -> None:
        lease = self.client.acquire(self.name)
        lease.add_listener(self.hear)
        self.client.break_(self.name, 3600)
        while not lease.asked:
            pass
        other = self.client.acquire(self.name + "/other")
        other.add_listener(self.hear)
        self.lose(other)
        self.assertEqual(self.heard.get(timeout=PATIENCE)[0], other.name)
        self.lose(lease)
        self.assertEqual(self.heard.get(timeout=PATIENCE)[:2], (lease.name, Reason.BROKEN))

    def test_a_session_that_ends_is_a_loss(self) -> None:
        client = self.connect()
        lease = client.acquire(self.name)
        lease.add_listener(self.hear)
        client.close()
        self.assertEqual(self.heard.get(timeout=PATIENCE)[1], Reason.SESSION_CLOSED)

    def test_who_was_removed_hears_nothing(self) -> None:
        lease = self.client.acquire(self.name)
        removed: List[tenure.Lease] = []
        listener = lease.add_listener(lambda lease: removed.append(lease))
        lease.add_listener(self.hear)
        lease.remove_listener(listener)
        lease.remove_listener(listener)
        self.lose(lease)
        self.heard.get(timeout=PATIENCE)
        self.assertEqual(removed, [])

    def test_what_a_listener_raises_is_logged_and_harms_no_other(self) -> None:
        lease = self.client.acquire(self.name)

        def fail(lease: tenure.Lease) -> None:
            raise ValueError("of a listener")

        def leave(lease: tenure.Lease) -> None:
            raise SystemExit("of a listener")

        for listener in [fail, leave, self.hear]:
            lease.add_listener(listener)
        with self.assertLogs("tenure.listeners", logging.ERROR) as logged:
            self.lose(lease)
            self.heard.get(timeout=PATIENCE)
        self.assertEqual([record.exc_info[0] for record in logged.records if record.exc_info], [ValueError, SystemExit])
        again = self.client.acquire(self.name)
        again.add_listener(self.hear)
        self.lose(again)
        self.heard.get(timeout=PATIENCE)

    def test_a_listener_may_call_tenure_and_remove_itself(self) -> None:
        lease = self.client.acquire(self.name)

        def call(lost: tenure.Lease) -> None:
            lease.remove_listener(call)
            self.client.acquire(self.name, PATIENCE).release()
            self.hear(lost)

        lease.add_listener(call)
        self.lose(lease)
        self.heard.get(timeout=PATIENCE)

    def test_a_lease_that_only_listeners_have_is_given_back(self) -> None:
        lease = self.client.acquire(self.name)
        lease.add_listener(lambda lost, lease=lease: self.hear(lost))
        gone = weakref.ref(lease._handle)
        del lease
        gc.collect()
        self.assertIsNone(gone())
        self.client.acquire(self.name, PATIENCE).release()
        self.assertTrue(self.heard.empty())

    def test_the_thread_ends_with_the_last_that_is_listened_to(self) -> None:
        lease = self.client.acquire(self.name)
        lease.add_listener(self.hear)
        thread = _notifier._thread
        assert thread is not None
        lease.remove_listener(self.hear)
        # What other tests listened to is closed, and gone.
        gc.collect()
        thread.join(PATIENCE)
        self.assertFalse(thread.is_alive())
        self.assertEqual((_notifier._watches, _notifier._thread), ({}, None))

    def test_what_cannot_be_called_is_refused(self) -> None:
        async def listen(lease: tenure.Lease) -> None:
            self.fail("called")

        with self.client.acquire(self.name) as lease:
            for wrong in [listen, None, 7]:
                with self.assertRaisesRegex(TypeError, "a listener is called"):
                    lease.add_listener(wrong)  # type: ignore[type-var]

    def test_a_forked_child_hears_of_its_own_leases(self) -> None:
        lease = self.client.acquire(self.name)
        lease.add_listener(self.hear)
        child = os.fork()
        if child == 0:
            try:
                heard: "queue.SimpleQueue[tenure.Lease]" = queue.SimpleQueue()
                lease.add_listener(heard.put)
                is_right = heard.get(timeout=PATIENCE).reason == Reason.FORKED
                os._exit(0 if is_right and self.heard.empty() else 1)
            finally:
                os._exit(2)
        self.assertEqual(os.waitpid(child, 0)[1], 0)
        self.lose(lease)
        self.assertEqual(self.heard.get(timeout=PATIENCE)[1], Reason.BROKEN)


class Logged(logging.Handler):
    """Keeps what was logged."""

    def __init__(self) -> None:
        super().__init__()
        self.records: List[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


class SessionTest(ClusterCase):
    def test_each_state_is_heard_in_order(self) -> None:
        heard: "queue.SimpleQueue[tenure.Session]" = queue.SimpleQueue()
        client = self.connect(ttl=3, progress=0.1)
        client.add_listener(heard.put)
        client.add_listener(heard.put)
        states: List[SessionState] = []
        while not states or states[-1] != SessionState.ENDED:
            states.append(heard.get(timeout=PATIENCE).state)
        self.assertNotIn((SessionState.ENDED, SessionState.ENDED), list(zip(states, states[1:])))
        client.close()

    def test_listeners_are_the_one_reader_until_they_go(self) -> None:
        listener = self.client.add_listener(lambda session: None)
        with self.assertRaisesRegex(tenure.Invalid, "listener"):
            self.client.next(0)
        self.client.remove_listener(listener)
        self.assertIsNone(self.client.next(0))

    def test_the_end_of_a_client_is_heard(self) -> None:
        heard: "queue.SimpleQueue[tenure.Session]" = queue.SimpleQueue()
        client = self.connect()
        client.add_listener(heard.put)
        client.close()
        self.assertEqual(heard.get(timeout=PATIENCE).state, SessionState.ENDED)

    def test_what_is_just_being_freed_has_no_more_to_tell(self) -> None:
        client = tenure.connect(cluster().endpoints)
        lease = client.acquire(self.name)
        watches: List[Watch] = [
            SessionWatch(client._handle, Readers("a test")),
            LeaseWatch(lease._handle, lambda _: self.fail("lost")),
        ]
        self.assertEqual([watch.look() for watch in watches], [False, False])
        handler = Logged()
        logging.getLogger("tenure.listeners").addHandler(handler)
        self.addCleanup(logging.getLogger("tenure.listeners").removeHandler, handler)
        # As when the last reference goes: it is freed, and not gone yet.
        lease._handle._free()
        client._handle._free()
        self.assertEqual([is_over(watch) for watch in watches], [True, True])
        self.assertEqual(handler.records, [])

    def test_a_client_that_only_listeners_have_is_closed(self) -> None:
        client = tenure.connect(cluster().endpoints)
        client.add_listener(lambda session, client=client: None)
        gone = weakref.ref(client._handle)
        del client
        gc.collect()
        self.assertIsNone(gone())


class AioTest(AioCase):
    async def test_a_loss_is_heard_once_on_the_loop(self) -> None:
        lease = await self.client.acquire(self.name)
        heard: List[Tuple[Reason, object]] = []
        came = asyncio.Event()
        removed = lease.add_listener(lambda lost: heard.append((Reason.NONE, None)))
        lease.add_listener(lambda lost: heard.append((lost.reason, asyncio.get_running_loop())))
        lease.add_listener(lambda lost: came.set())
        lease.remove_listener(removed)
        await self.client.break_(self.name, 0)
        await asyncio.wait_for(came.wait(), PATIENCE)
        self.assertEqual(heard, [(Reason.BROKEN, asyncio.get_running_loop())])

    async def test_what_is_given_back_is_not_lost_and_what_is_raised_is_logged(self) -> None:
        lease, other = await self.client.acquire(self.name), await self.client.acquire(self.name + "/other")
        heard: List[str] = []
        came = asyncio.Event()

        def fail(lost: tenure.aio.Lease) -> None:
            heard.append(lost.name)
            raise ValueError("of a listener")

        for each in [lease, other]:
            each.add_listener(fail)
        other.add_listener(lambda lost: came.set())
        await lease.release()
        with self.assertLogs("tenure.listeners", logging.ERROR):
            await self.client.break_(other.name, 0)
            await asyncio.wait_for(came.wait(), PATIENCE)
        self.assertEqual(heard, [other.name])

    async def test_each_state_of_a_session_is_heard(self) -> None:
        client = await connect()
        states: List[SessionState] = []
        ended = asyncio.Event()

        def hear(session: tenure.Session) -> None:
            states.append(session.state)
            if session.state == SessionState.ENDED:
                ended.set()

        client.add_listener(hear)
        with self.assertRaisesRegex(tenure.Invalid, "listener"):
            await client.next(0)
        await client.close()
        await asyncio.wait_for(ended.wait(), PATIENCE)
        self.assertEqual(states[-1], SessionState.ENDED)

    async def test_a_lease_that_only_listeners_have_is_given_back(self) -> None:
        lease = await self.client.acquire(self.name)
        lease.add_listener(lambda lost, lease=lease: self.fail("lost"))
        del lease
        gc.collect()
        await (await self.client.acquire(self.name, PATIENCE)).release()


if __name__ == "__main__":
    unittest.main()
