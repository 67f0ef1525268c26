"""A real WordPress on loopback: Debian's packages, a MariaDB and PHP's own web server, both ended by their pid."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

NEEDS = {
    "mariadbd": "mariadb-server",
    "mariadb-install-db": "mariadb-server",
    "php": "php-cli php-mysql",
    "/usr/share/wordpress": "wordpress",
}
PATIENCE_SECONDS = 60


def missing() -> list[str]:
    """The Debian packages this machine lacks for it."""
    there = {name: Path(name).exists() if name.startswith("/") else _which(name) for name in NEEDS}
    return sorted({NEEDS[name] for name, found in there.items() if not found})


def _which(name: str) -> str | None:
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


@dataclass(frozen=True, slots=True)
class WordPress:
    address: str
    user: str
    password: str
    folder: Path

    def php(self, code: str) -> str:
        """Run a few lines of PHP inside this WordPress, as its own administrator would."""
        prelude = f"define('WP_USE_THEMES', false); require '{self.folder}/wp-load.php';"
        run = subprocess.run(["php", "-r", prelude + code], capture_output=True, text=True, check=True, timeout=60)
        return run.stdout.strip()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextlib.contextmanager
def _process(command: list[str], folder: Path, log: str, **more: object) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / log).open("wb") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=subprocess.STDOUT, cwd=folder, start_new_session=True, **more
        )  # type: ignore[call-overload]
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            # PHP's workers are children of their own and outlive the one that was asked to go.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _answers(address: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until the address answers anything at all; a process that ended says so instead."""
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args} ended with {process.returncode}")
        try:
            with urllib.request.urlopen(address, timeout=20):
                return
        except urllib.error.HTTPError:
            return
        except OSError:
            continue
    raise TimeoutError(address)


@contextlib.contextmanager
def _mariadb(folder: Path) -> Iterator[str]:
    """A fresh server on a unix socket; gives the socket's path."""
    data, path = folder / "mariadb", str(folder / "db.sock")
    user = ["--user=root"] if os.geteuid() == 0 else []
    install = [_which("mariadb-install-db") or "", f"--datadir={data}", "--auth-root-authentication-method=normal"]
    subprocess.run([*install, *user, "--skip-test-db"], check=True, capture_output=True, cwd=folder, timeout=120)
    serve = [_which("mariadbd") or "", "--no-defaults", f"--datadir={data}", f"--socket={path}", "--skip-networking"]
    with _process([*serve, *user, f"--pid-file={folder}/db.pid"], folder, "mariadb.log") as process:
        until = time.monotonic() + PATIENCE_SECONDS
        create = ["mariadb", f"--socket={path}", "-uroot", "-e", "CREATE DATABASE wordpress"]
        while subprocess.run(create, capture_output=True, timeout=30).returncode:
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError("MariaDB did not start: " + (folder / "mariadb.log").read_text()[-2000:])
        yield path


CONFIG = """<?php
define('DB_NAME', 'wordpress'); define('DB_USER', 'root'); define('DB_PASSWORD', '');
define('DB_HOST', 'localhost:{socket}'); define('DB_CHARSET', 'utf8mb4'); define('DB_COLLATE', '');
define('WP_HOME', '{address}'); define('WP_SITEURL', '{address}');
define('WP_ENVIRONMENT_TYPE', 'local'); define('WP_HTTP_BLOCK_EXTERNAL', true); define('DISABLE_WP_CRON', true);
define('AUTOMATIC_UPDATER_DISABLED', true); define('WP_CONTENT_DIR', '{folder}/wp-content');
$table_prefix = 'wp_';
if (!defined('ABSPATH')) {{ define('ABSPATH', '{folder}/'); }}
require_once ABSPATH . 'wp-settings.php';
"""


@contextlib.contextmanager
def wordpress(folder: Path) -> Iterator[WordPress]:
    """A WordPress with one administrator, pretty permalinks and an application password."""
    site = folder / "site"
    shutil.copytree("/usr/share/wordpress", site, symlinks=False, ignore_dangling_symlinks=True)
    address = f"http://127.0.0.1:{_free_port()}"
    # PHP's own web server sends every path that is no file to index.php, as a host's rewrite rules do.
    with _mariadb(folder) as path:
        (site / "wp-config.php").write_text(CONFIG.format(socket=path, address=address, folder=site))
        serve = ["php", "-S", address.removeprefix("http://"), "-t", str(site)]
        with _process(serve, folder, "php.log", env={**os.environ, "PHP_CLI_SERVER_WORKERS": "3"}) as process:
            _answers(address + "/license.txt", process)
            form = {"weblog_title": "Acme", "user_name": "editor", "admin_email": "editor@acme.example",
                    "admin_password": "correct-horse-9", "admin_password2": "correct-horse-9", "pw_weak": "1",
                    "blog_public": "0", "language": ""}  # fmt: skip
            install = address + "/wp-admin/install.php?step=2"
            with urllib.request.urlopen(install, urllib.parse.urlencode(form).encode(), timeout=120) as answer:
                answer.read()
            there = WordPress(address, "editor", "", site)
            password = there.php(
                "$made = WP_Application_Passwords::create_new_application_password(1, ['name' => 'Distribution']);"
                "update_option('permalink_structure', '/%postname%/'); flush_rewrite_rules(); echo $made[0];"
            )
            yield WordPress(address, "editor", password, site)
