"""Puts libtenure.so into the wheel, which is then one for every Python 3 on this platform."""

import shutil
import sys
from pathlib import Path
from typing import Tuple

from setuptools import Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

HERE = Path(__file__).resolve().parent
# A build backend does not look for modules here.
sys.path.insert(0, str(HERE))

import build_library  # noqa: E402
import platform_tag  # noqa: E402


class WithLibrary(build_py):
    """The modules, and the library beside them. An editable install finds the library by itself."""

    def run(self) -> None:
        if self.editable_mode:
            super().run()
            return
        # What an earlier build left would find its way into the wheel.
        shutil.rmtree(self.build_lib, ignore_errors=True)
        super().run()
        try:
            library = build_library.library(HERE.parents[1])
        except build_library.Missing as missing:
            sys.exit(f"error: {missing}")
        shutil.copyfile(library, Path(self.build_lib, "tenure", build_library.LIBRARY))


class ForEveryPython(bdist_wheel):
    """The library knows nothing of Python: one wheel for all versions."""

    def get_tag(self) -> Tuple[str, str, str]:
        linux = super().get_tag()[2]
        library = Path(self.bdist_dir, "tenure", build_library.LIBRARY)
        return "py3", "none", platform_tag.platform_tag(library, linux) if library.exists() else linux


class WithBinary(Distribution):
    """Not a pure package."""

    def has_ext_modules(self) -> bool:
        return True


setup(
    distclass=WithBinary,
    cmdclass={"build_py": WithLibrary, "bdist_wheel": ForEveryPython},
)
