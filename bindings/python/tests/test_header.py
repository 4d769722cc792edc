"""The prototypes, structs and statuses are those of include/tenure.h."""

import ctypes
import re
import unittest
from ctypes import POINTER
from pathlib import Path

import tenure
from tenure import _abi, _errors, _library, _log

HEADER = (Path(__file__).parents[3] / "include" / "tenure.h").read_text()
CODE = re.sub(r"/\*.*?\*/", "", HEADER, flags=re.DOTALL)

STRUCTS = {
    "tenure_client_options": _abi.ClientOptions,
    "tenure_session_info": _abi.SessionInfo,
    "tenure_acquire_options": _abi.AcquireOptions,
    "tenure_node_options": _abi.NodeOptions,
    "tenure_leadership": _abi.NodeLeadership,
    "tenure_restore_options": _abi.RestoreOptions,
    "tenure_certs_options": _abi.CertsOptions,
}
TYPES = {
    "void": None,
    "int": ctypes.c_int,
    "int32_t": ctypes.c_int32,
    "int64_t": ctypes.c_int64,
    "uint32_t": ctypes.c_uint32,
    "uint64_t": ctypes.c_uint64,
    "size_t": ctypes.c_size_t,
    "tenure_status": ctypes.c_int32,
    "tenure_log_fn": _abi.LogFunction,
    "char*": ctypes.c_char_p,
    "void*": ctypes.c_void_p,
    "char*const*": POINTER(ctypes.c_char_p),
    "int32_t*": POINTER(ctypes.c_int32),
    "int64_t*": POINTER(ctypes.c_int64),
    "uint64_t*": POINTER(ctypes.c_uint64),
    "size_t*": POINTER(ctypes.c_size_t),
}


def ctype(declared: str) -> object:
    """The ctypes type of a C type as the header writes it."""
    name = re.sub(r"\s+", "", re.sub(r"^\s*const\b|\bstruct\b", "", declared))
    if name in TYPES:
        return TYPES[name]
    base = name.rstrip("*")
    if base in STRUCTS:
        return POINTER(STRUCTS[base])
    handle = re.fullmatch(r"tenure_(client|lease|pending|holder|observer|node)(\*{1,2})", name)
    assert handle, f"a type that the test does not know: {declared!r}"
    return ctypes.c_void_p if handle[2] == "*" else POINTER(ctypes.c_void_p)


def declared(declaration: str) -> tuple[str, object]:
    """The name and type of a parameter or field."""
    found = re.fullmatch(r"\s*(.*?)(\w+)\s*", declaration, re.DOTALL)
    assert found, declaration
    return found[2], ctype(found[1])


class HeaderTest(unittest.TestCase):
    def test_prototypes_are_those_of_the_header(self) -> None:
        found = {}
        for line in re.findall(r"^[a-z][^;{}#]*?\btenure_\w+\([^;]*\);", CODE, re.MULTILINE):
            if line.startswith("typedef"):
                continue
            parts = re.fullmatch(r"(.*?)\((.*)\);", line, re.DOTALL)
            assert parts, line
            name, result_type = declared(parts[1])
            given = [] if parts[2].strip() == "void" else parts[2].split(",")
            found[name] = (result_type, [declared(each)[1] for each in given])
        self.assertGreater(len(found), 50)
        self.assertEqual(found, _abi.PROTOTYPES)

    def test_structs_have_the_fields_of_the_header(self) -> None:
        found = dict(
            (name, fields)
            for fields, name in re.findall(r"typedef struct \{(.*?)\} (\w+);", CODE, re.DOTALL)
        )
        self.assertEqual(set(found), set(STRUCTS))
        for name, fields in found.items():
            expected = [declared(field) for field in fields.split(";") if field.strip()]
            self.assertEqual(expected, STRUCTS[name]._fields_, name)

    def test_structs_have_no_padding_so_that_fields_are_where_c_has_them(self) -> None:
        for struct in STRUCTS.values():
            offset = 0
            for field in struct._fields_:
                self.assertEqual(getattr(struct, field[0]).offset, offset, (struct, field))
                offset += ctypes.sizeof(field[1])
            self.assertEqual(ctypes.sizeof(struct), offset, struct)
            self.assertEqual(offset % 8, 0, struct)

    def test_the_library_has_the_types_of_the_header(self) -> None:
        for name, (result, arguments) in _abi.PROTOTYPES.items():
            function = getattr(_library.library, name)
            self.assertEqual((function.restype, function.argtypes), (result, arguments), name)

    def test_constants_are_those_of_the_header(self) -> None:
        for kind, prefix in [
            (tenure.Reason, "TENURE_REASON_"),
            (tenure.SessionState, "TENURE_SESSION_STATE_"),
        ]:
            found = re.findall(rf"^#define {prefix}([A-Z_]+) (\d+)$", CODE, re.MULTILINE)
            self.assertEqual({name: int(value) for name, value in found}, dict(kind.__members__))
        levels = re.findall(r"^#define TENURE_LOG_([A-Z]+) (\d+)$", CODE, re.MULTILINE)
        self.assertEqual(
            [(name.lower(), int(value)) for name, value in levels],
            [(name, value) for value, name in enumerate(_log._LEVELS)],
        )

    def test_each_status_has_its_exception(self) -> None:
        numbers = {
            int(number): name.title().replace("_", "")
            for name, number in re.findall(r"#define TENURE_([A-Z_]+) (\d+)$", CODE, re.MULTILINE)
            if _library.library.tenure_status_name(int(number)) == f"TENURE_{name}".encode()
        }
        del numbers[0]
        found = {status: error.__name__ for status, error in _errors.BY_STATUS.items()}
        self.assertEqual(found, numbers)
        self.assertTrue(all(hasattr(tenure, name) for name in numbers.values()))

    def test_version_is_that_of_the_abi(self) -> None:
        self.assertIn(f"#define TENURE_ABI_VERSION {_abi.ABI_VERSION}\n", HEADER)
        self.assertRegex(tenure.__version__, r"^\d+\.\d+\.\d+")


if __name__ == "__main__":
    unittest.main()
