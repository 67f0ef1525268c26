"""Typed settings, read once from `DISTRIBUTION_…` variables. A wrong one is named together with its mend."""

from __future__ import annotations

import re
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

SERVICES = ("scheduler", "publisher", "collector", "gateway")
"""What `distribution run` starts, each in a process of its own."""
_URL = re.compile(r"https?://[^/\s]")
_ADDRESSES = {
    "traces_to": "of a collector, as in http://127.0.0.1:4318",
    "public_url": "at which browsers reach the page, as in https://social.example.com",
}
Port = Annotated[int, Field(ge=0, le=65535)]


class SettingsWrong(Exception):
    """A variable says something the house cannot run with."""


class Settings(BaseSettings):
    """What an operator chooses: each field is a variable `DISTRIBUTION_<FIELD>`; `distribution settings` lists them."""

    model_config = SettingsConfigDict(env_prefix="DISTRIBUTION_", frozen=True, extra="forbid")

    data_dir: Path = Field(Path("var"), description="where the embedded house keeps its log, views, keys and broker")
    database_url: str | None = Field(None, description="sqlite:///path or postgresql://…; default DATA_DIR/log.db")
    nats_url: str | None = Field(None, description="a broker of your own; default: a child process of ours")
    nats_port: Port = Field(4222, description="port of the embedded broker on loopback; 0 takes a free one")
    port: Port = Field(8080, description="port of the page and the API on loopback; 0 takes a free one")
    host: str = Field("127.0.0.1", description="where the page and the API listen; the embedded house: loopback only")
    speed: Annotated[float, Field(gt=0, le=100)] = Field(1.0, description="house seconds a real second (D7)")
    sandbox: str = Field("1", description="1 starts simulated channels, an address uses them, 0 means the real ones")
    egress_allow: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="private host:port pairs that typed addresses may reach, comma between"
    )
    lanes: Annotated[int, Field(ge=1, le=1024)] = Field(64, description="attempts in flight per channel (D11)")
    vault_key_lost: bool = Field(False, description="start without the key that sealed the vault")
    vault_key_file: Path | None = Field(None, description="the key that seals the vault; default DATA_DIR/vault.key")
    log_level: str = Field("info", description="debug, info, warning or error")
    traces_to: str | None = Field(
        None, description="an OpenTelemetry collector (OTLP over HTTP) that is told of each post's way"
    )
    clients_file: Path | None = Field(
        None, description="JSON {channel: {client_id, client_secret}}: our registrations at the real channels"
    )
    public_url: str | None = Field(
        None,
        description="how browsers reach the page, as in https://social.example.com; part of every redirect address",
    )

    @field_validator("egress_allow", mode="before")
    @classmethod
    def _pairs(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        pairs = tuple(part.strip() for part in value.split(",") if part.strip())
        for pair in pairs:
            host, colon, port = pair.rpartition(":")
            if not (host and colon and port.isdecimal()):
                raise ValueError(f"{pair} is not host:port, as in cms.internal:8443")
        return pairs

    @field_validator("log_level")
    @classmethod
    def _level(cls, value: str) -> str:
        if value.lower() not in ("debug", "info", "warning", "error"):
            raise ValueError("choose debug, info, warning or error")
        return value.lower()

    @field_validator(*_ADDRESSES)
    @classmethod
    def _address(cls, value: str | None, about: ValidationInfo) -> str | None:
        if value and not _URL.match(value):
            raise ValueError(f"write the address {_ADDRESSES[str(about.field_name)]}")
        return value.rstrip("/") if value else None

    @field_validator("sandbox")
    @classmethod
    def _sandbox(cls, value: str) -> str:
        if value not in ("0", "1") and not _URL.match(value):
            raise ValueError(
                "choose 1 (start one), 0 (real channels), or the address of one, as in http://127.0.0.1:9000"
            )
        return value.rstrip("/")

    def only_loopback(self) -> None:
        """A house in one process is for this machine alone; for others there is `run gateway`."""
        if not _is_loopback(self.host):
            raise SettingsWrong(
                f"DISTRIBUTION_HOST: {self.host} would open the page to other machines, and a house in one process "
                "listens on loopback only; set 127.0.0.1, or leave it out"
            )

    @property
    def database(self) -> str:
        return self.database_url or f"sqlite:///{self.data_dir.resolve() / 'log.db'}"

    @property
    def embedded(self) -> bool:
        return self.database.startswith("sqlite:")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def read_settings(**given: object) -> Settings:
    """What the environment says, with `given` over it; raises `SettingsWrong` with one line per wrong variable."""
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as wrong:
        lines = [
            f"DISTRIBUTION_{'_'.join(map(str, error['loc'])).upper()}: {error['msg'].removeprefix('Value error, ')}"
            for error in wrong.errors()
        ]
        raise SettingsWrong("\n".join(lines)) from wrong
