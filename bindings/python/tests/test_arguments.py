"""What C would cut short or misread is refused before it gets there."""

import unittest
from typing import List

import tenure
from tenure import _convert


class ArgumentsTest(unittest.TestCase):
    def test_text_with_a_nul_or_a_lone_surrogate_is_a_value_error(self) -> None:
        for bad in ["a\0b", "\udcff"]:
            with self.assertRaises(ValueError):
                tenure.connect(bad)
            with self.assertRaises(ValueError):
                _convert.text(bad, "name")
        with self.assertRaises(TypeError):
            tenure.connect(b"127.0.0.1:1")  # type: ignore[arg-type]

    def test_times_that_are_none_are_refused(self) -> None:
        for bad in [-1, 0, float("nan"), float("inf"), 1e12]:
            with self.assertRaises(tenure.Invalid):
                tenure.connect("127.0.0.1:1", ttl=bad)
        for bad in [-0.001, float("nan")]:
            with self.assertRaises(ValueError):
                _convert.wait_ms(bad)

    def test_waits_are_rounded_up_and_infinity_is_for_ever(self) -> None:
        self.assertEqual(_convert.wait_ms(None), -1)
        self.assertEqual(_convert.wait_ms(float("inf")), -1)
        self.assertEqual(_convert.wait_ms(0), 0)
        self.assertEqual(_convert.wait_ms(0.0001), 1)
        self.assertEqual(_convert.wait_ms(2), 2000)
        self.assertLess(_convert.wait_ms(1e300), 2**63)

    def test_numbers_that_64_bits_do_not_hold_are_refused(self) -> None:
        for bad in [-1, 2**64]:
            with self.assertRaises(ValueError):
                _convert.u64(bad, "owner")
        for bad in [0, -1, 2**63]:
            with self.assertRaises(ValueError):
                _convert.token(bad)
        self.assertEqual(_convert.token(2**63 - 1), 2**63 - 1)

    def test_a_grace_is_none_or_finite_and_rounded_up(self) -> None:
        self.assertEqual([_convert.grace_ms(grace) for grace in [None, 0, 0.0001, 2]], [-1, 0, 1, 2000])
        for bad in [-1, float("nan"), float("inf")]:
            with self.assertRaises(tenure.Invalid):
                _convert.grace_ms(bad)

    def test_numbers_that_32_bits_do_not_hold_are_refused(self) -> None:
        for bad in [-1, 2**32]:
            with self.assertRaises(tenure.Invalid):
                _convert.u32(bad, "limit")

    def test_a_value_is_bytes_and_nothing_that_bytes_are_made_of(self) -> None:
        goods: List[_convert.Value] = [b"a\0b", bytearray(b"a\0b"), memoryview(b"a\0b")]
        for good in goods:
            self.assertEqual(_convert.octets(good, "value"), b"a\0b")
        for bad in [3, "text", None, [1]]:
            with self.assertRaises(TypeError):
                _convert.octets(bad, "value")  # type: ignore[arg-type]

    def test_the_library_refuses_what_is_no_endpoint(self) -> None:
        with self.assertRaises(tenure.Invalid) as raised:
            tenure.connect("no endpoint")
        self.assertTrue(str(raised.exception))

    def test_a_node_without_its_own_address_is_refused(self) -> None:
        with self.assertRaises(tenure.Invalid):
            tenure.Node(0, "/nonexistent", "1=127.0.0.1:1")
        with self.assertRaises(ValueError):
            tenure.Node(1, "/nonexist\0ent", "1=127.0.0.1:1")

    def test_exceptions_are_also_those_that_python_programs_catch(self) -> None:
        for error, known in [
            (tenure.Timeout, TimeoutError),
            (tenure.Unavailable, ConnectionError),
            (tenure.Invalid, ValueError),
            (tenure.Denied, PermissionError),
            (tenure.Unsupported, NotImplementedError),
        ]:
            self.assertTrue(issubclass(error, known) and issubclass(error, tenure.Error))
            self.assertEqual(str(error("why")), "why")


if __name__ == "__main__":
    unittest.main()
