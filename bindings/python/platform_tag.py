"""On which Linux a shared library loads, read from the library itself: the platform tag of a wheel around it (PEP 600)."""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import Dict, List, Optional, Tuple

# What every Linux with glibc has; anything else may be missing where the wheel is installed.
EVERYWHERE = re.compile(r"(libc|libm|libdl|libpthread|librt|libgcc_s|ld-linux[\w-]*)\.so\.\d+$")
# Types of sections and entries, from elf(5).
SHT_DYNAMIC = 6
SHT_GNU_VERNEED = 0x6FFFFFFE
DT_NEEDED = 1


def platform_tag(library: Path, linux: str) -> str:
    """`manylinux_2_34_x86_64` for `linux_x86_64` and a library that needs glibc 2.34; `linux` itself if that cannot be said."""
    try:
        needed, versions = needs(library.read_bytes())
    except (ValueError, IndexError, struct.error):
        return linux
    glibc = [glibc_version(version) for version in versions if version.startswith("GLIBC_")]
    known = [version for version in glibc if version]
    # One that is no number, as GLIBC_ABI_DT_RELR, belongs to a release that nothing here names.
    if not known or len(known) < len(glibc) or not all(map(EVERYWHERE.match, needed)):
        return linux
    major, minor = max(known)
    return f"manylinux_{major}_{minor}_{linux.removeprefix('linux_')}"


def glibc_version(name: str) -> Optional[Tuple[int, int]]:
    """(2, 34) for GLIBC_2.34, and (2, 3) for GLIBC_2.3.4; None for a name without numbers."""
    found = re.match(r"GLIBC_(\d+)\.(\d+)", name)
    return (int(found[1]), int(found[2])) if found else None


def needs(binary: bytes) -> Tuple[List[str], List[str]]:
    """The libraries that `binary` loads, and the versions of their symbols that it asks for."""
    if binary[:6] != b"\x7fELF\x02\x01":
        raise ValueError("not a 64-bit little-endian ELF file")
    table, size, count = struct.unpack_from("<Q", binary, 40)[0], *struct.unpack_from("<HH", binary, 58)
    sections = [Section(binary, table + size * index) for index in range(count)]
    found: Dict[int, List[str]] = {SHT_DYNAMIC: [], SHT_GNU_VERNEED: []}
    for section in sections:
        if section.kind in found:
            names = sections[section.link]
            read = libraries if section.kind == SHT_DYNAMIC else symbol_versions
            found[section.kind] += [names.text(at) for at in read(section)]
    return found[SHT_DYNAMIC], found[SHT_GNU_VERNEED]


class Section:
    """One section of an ELF file."""

    def __init__(self, binary: bytes, header: int) -> None:
        _, self.kind, _, _, offset, size, self.link, self.info = struct.unpack_from("<IIQQQQII", binary, header)
        self.bytes = binary[offset : offset + size]

    def text(self, at: int) -> str:
        """The string at that place of a table of strings."""
        return self.bytes[at : self.bytes.index(0, at)].decode()


def libraries(dynamic: Section) -> List[int]:
    """Where the names of the libraries stand that a dynamic section loads."""
    entries = struct.iter_unpack("<qQ", dynamic.bytes)
    return [value for tag, value in entries if tag == DT_NEEDED]


def symbol_versions(section: Section) -> List[int]:
    """Where the names of the versions stand that are needed: for each library (Verneed) a list of them (Vernaux)."""
    names, library = [], 0
    for _ in range(section.info):
        _, count, _, first, next_library = struct.unpack_from("<HHIII", section.bytes, library)
        version = library + first
        for _ in range(count):
            _, _, _, name, next_version = struct.unpack_from("<IHHII", section.bytes, version)
            names.append(name)
            version += next_version
        library += next_library
    return names
