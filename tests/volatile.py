"""A disk that forgets: what was written and not flushed is gone when its power is lost (G4). FUSE, in a process.

    written -> volatile (read back as written) -> flushed (fsync): in the files behind it
                  '-- the power is lost (kill -9 of this process): gone

Names are kept at once, as a journal keeps them in order; what a file holds is kept when it is flushed. While the file
`fail-the-next-flush` lies beside the files behind it, the next flush of the log fails as on a bad disk (F19).
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PAGE = 4096
FAIL = "fail-the-next-flush"
READY_WITHIN_S, ANSWERS_WITHIN_S = 40.0, 10.0


class NoDisk(OSError):
    """This machine has no FUSE we may use."""


@dataclass
class ForgetfulDisk:
    """`place` is where it is mounted, `behind` what it has kept."""

    place: Path
    behind: Path
    _process: subprocess.Popen[bytes] | None = None

    def power_on(self) -> None:
        self.place.mkdir(parents=True, exist_ok=True)
        self.behind.mkdir(parents=True, exist_ok=True)
        until = time.monotonic() + READY_WITHIN_S
        while not self._mounted():
            assert self._process is not None
            self._process.kill()
            said = self._process.communicate()[1].decode()
            if time.monotonic() > until:
                raise NoDisk(f"FUSE does not run here: {said[-200:] or 'it does not answer'}")

    def _mounted(self) -> bool:
        """Whether it comes up this time: after a cut, the place may be busy for a moment."""
        self._process, until = self._spawned(), time.monotonic() + ANSWERS_WITHIN_S
        while not os.path.ismount(self.place):
            if self._process.poll() is not None or time.monotonic() > until:
                return False
            time.sleep(0.01)
        return True

    def _spawned(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.volatile", str(self.place), str(self.behind)]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def power_lost(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        if self._process.stderr:
            self._process.stderr.close()
        subprocess.run(["umount", "-l", self.place], check=False, capture_output=True)

    def fail_the_next_flush(self) -> None:
        (self.behind.parent / FAIL).touch()


@contextlib.contextmanager
def forgetful_disk(folder: Path) -> Iterator[ForgetfulDisk]:
    disk = ForgetfulDisk(folder / "disk", folder / "behind" / "files")
    disk.power_on()
    try:
        yield disk
    finally:
        disk.power_lost()


def missing() -> list[str]:
    """What this machine lacks for it."""
    lacks = [] if Path("/dev/fuse").exists() else ["the device /dev/fuse"]
    try:
        import mfusepy  # noqa: F401
    except (ImportError, OSError):
        lacks.append("libfuse2")
    return lacks


class Node:
    """One file's volatile pages over what is kept behind it. By inode, so that a new name changes nothing."""

    def __init__(self, path: str) -> None:
        self.handle = os.open(path, os.O_RDWR)
        self.size = os.fstat(self.handle).st_size
        self.pages: dict[int, bytearray] = {}
        self.kept_upto = self.size
        """Above it the file behind may hold bytes that were cut off meanwhile."""

    def _page(self, number: int) -> bytearray:
        page = self.pages.get(number)
        if page is None:
            start = number * PAGE
            page = bytearray(PAGE)
            kept = os.pread(self.handle, max(0, min(PAGE, self.kept_upto - start)), start)
            page[: len(kept)] = kept
            self.pages[number] = page
        return page

    def read(self, size: int, offset: int) -> bytes:
        end = min(self.size, offset + size)
        found = bytearray()
        while offset < end:
            number, at = divmod(offset, PAGE)
            length = min(PAGE - at, end - offset)
            if number in self.pages:
                found += self.pages[number][at : at + length]
            else:
                kept = os.pread(self.handle, max(0, min(length, self.kept_upto - offset)), offset)
                found += kept + bytes(length - len(kept))
            offset += length
        return bytes(found)

    def write(self, data: bytes, offset: int) -> int:
        done = 0
        while done < len(data):
            number, at = divmod(offset + done, PAGE)
            length = min(PAGE - at, len(data) - done)
            self._page(number)[at : at + length] = data[done : done + length]
            done += length
        self.size = max(self.size, offset + done)
        return done

    def truncate(self, size: int) -> None:
        if size < self.size:
            self.pages = {number: page for number, page in self.pages.items() if number * PAGE < size}
            if size % PAGE and size // PAGE in self.pages:
                self.pages[size // PAGE][size % PAGE :] = bytes(PAGE - size % PAGE)
            self.kept_upto = min(self.kept_upto, size)
        self.size = size

    def flush(self) -> None:
        if self.kept_upto < os.fstat(self.handle).st_size:
            os.ftruncate(self.handle, self.kept_upto)
        for number, page in sorted(self.pages.items()):
            os.pwrite(self.handle, bytes(page[: max(0, min(PAGE, self.size - number * PAGE))]), number * PAGE)
        os.ftruncate(self.handle, self.size)
        self.pages.clear()
        self.kept_upto = self.size


class Files:
    """What the kernel asks of a file system, answered from the folder `behind` and from what is not written yet."""

    use_ns = True

    def __init__(self, behind: str) -> None:
        self._behind, self._fail = behind, Path(behind).parent / FAIL
        self._nodes: dict[int, Node] = {}

    def _path(self, path: str) -> str:
        return self._behind + path

    def _node(self, path: str) -> Node:
        real = self._path(path)
        inode = os.stat(real).st_ino
        if inode not in self._nodes:
            self._nodes[inode] = Node(real)
        return self._nodes[inode]

    def getattr(self, path: str, fh: Any = None) -> dict[str, Any]:
        told = os.lstat(self._path(path))
        size = self._nodes[told.st_ino].size if told.st_ino in self._nodes else told.st_size
        return {"st_mode": told.st_mode, "st_nlink": told.st_nlink, "st_uid": told.st_uid, "st_gid": told.st_gid,
                "st_size": size, "st_ino": told.st_ino, "st_blocks": (size + 511) // 512,
                "st_atime": told.st_atime_ns, "st_mtime": told.st_mtime_ns,
                "st_ctime": told.st_ctime_ns}  # fmt: skip

    def readdir(self, path: str, fh: Any) -> list[str]:
        return [".", "..", *os.listdir(self._path(path))]

    def create(self, path: str, mode: int, fi: Any = None) -> int:
        os.close(os.open(self._path(path), os.O_RDWR | os.O_CREAT, mode))
        self._node(path)
        return 0

    def open(self, path: str, flags: int) -> int:
        node = self._node(path)
        if flags & os.O_TRUNC:
            node.truncate(0)
        return 0

    def read(self, path: str, size: int, offset: int, fh: Any) -> bytes:
        return self._node(path).read(size, offset)

    def write(self, path: str, data: bytes, offset: int, fh: Any) -> int:
        return self._node(path).write(data, offset)

    def truncate(self, path: str, length: int, fh: Any = None) -> int:
        self._node(path).truncate(length)
        return 0

    def fsync(self, path: str, datasync: int, fh: Any) -> int:
        if "log.db" in path and self._fail.exists():
            self._fail.unlink()
            raise OSError(errno.EIO, "the disk has failed")
        self._node(path).flush()
        return 0

    def fsyncdir(self, path: str, datasync: int, fh: Any) -> int:
        return 0

    def unlink(self, path: str) -> int:
        told = os.lstat(self._path(path))
        if told.st_nlink == 1 and (node := self._nodes.pop(told.st_ino, None)):
            os.close(node.handle)
        os.unlink(self._path(path))
        return 0

    def rename(self, old: str, new: str) -> int:
        with contextlib.suppress(FileNotFoundError):
            over = self._nodes.pop(os.lstat(self._path(new)).st_ino, None)
            if over:
                os.close(over.handle)
        os.rename(self._path(old), self._path(new))
        return 0

    def link(self, target: str, source: str) -> int:
        os.link(self._path(source), self._path(target))
        return 0

    def mkdir(self, path: str, mode: int) -> int:
        os.mkdir(self._path(path), mode)
        return 0

    def rmdir(self, path: str) -> int:
        os.rmdir(self._path(path))
        return 0

    def chmod(self, path: str, mode: int) -> int:
        os.chmod(self._path(path), mode)
        return 0

    def utimens(self, path: str, times: Any = None) -> int:
        return 0

    def statfs(self, path: str) -> dict[str, Any]:
        told = os.statvfs(self._path(path))
        names = ("bavail", "bfree", "blocks", "bsize", "files", "ffree", "frsize", "namemax")
        return {f"f_{name}": getattr(told, f"f_{name}") for name in names}


def serve(place: str, behind: str) -> None:
    """Until it is killed."""
    import mfusepy  # only here: on a machine without libfuse it cannot be imported

    class Mounted(Files, mfusepy.Operations):  # type: ignore[misc]
        """What is not answered here is refused by the library."""

    mfusepy.FUSE(Mounted(behind), place, foreground=True, nothreads=True, big_writes=True)


if __name__ == "__main__":
    serve(*sys.argv[1:])
