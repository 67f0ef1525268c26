"""Small disks of their own: a tmpfs, which root may mount, and which can be made larger while it is in use."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


class NoDisk(OSError):
    """This machine lets us mount none."""


@dataclass(frozen=True, slots=True)
class Disk:
    place: Path

    @property
    def free(self) -> int:
        return shutil.disk_usage(self.place).free

    def fill(self, leaving: int = 0) -> Path:
        """Somebody else's file takes the room; whoever deletes it makes room again."""
        other = self.place / "somebody-elses"
        # Unbuffered: what did not fit would be tried again when the file is closed.
        with contextlib.suppress(OSError), other.open("ab", buffering=0) as file:
            while (left := self.free - leaving) > 0:
                file.write(b"x" * min(left, 2**20))
        return other

    def grow(self, megabytes: int) -> None:
        subprocess.run(["mount", "-o", f"remount,size={megabytes}m", self.place], check=True)


@contextlib.contextmanager
def small_disk(place: Path, megabytes: int) -> Iterator[Disk]:
    place.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", place]
    if subprocess.run(mount, capture_output=True).returncode:
        raise NoDisk("a small disk of its own, which root may mount")
    try:
        yield Disk(place)
    finally:
        subprocess.run(["umount", "-l", place], check=True)
