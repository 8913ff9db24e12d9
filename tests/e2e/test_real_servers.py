"""The real servers start, answer and end: when these fail, look at tools/real.py before anything else."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from tests.real_servers import answers, running

pytestmark = pytest.mark.real


def test_a_real_postgresql_answers(postgres_url: str) -> None:
    engine = create_engine(postgres_url)
    with engine.connect() as connection:
        assert connection.execute(text("select 1 + 1")).scalar_one() == 2
    engine.dispose()


def test_a_real_prometheus_answers_and_is_gone_afterwards(
    prometheus_binary: Path, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    port = free_port()
    settings = tmp_path / "prometheus.yml"
    settings.write_text("global: {scrape_interval: 1s}\n")
    command: list[str | Path] = [
        prometheus_binary,
        f"--config.file={settings}",
        f"--storage.tsdb.path={tmp_path / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    ready = f"http://127.0.0.1:{port}/-/ready"
    with running(command, log=tmp_path / "log", ready=ready) as server:
        assert answers(f"http://127.0.0.1:{port}/-/healthy")
    assert server.process.returncode is not None
    assert not answers(ready)


def test_a_server_that_does_not_start_shows_its_log(prometheus_binary: Path, tmp_path: Path) -> None:
    command: list[str | Path] = [prometheus_binary, f"--config.file={tmp_path / 'nowhere.yml'}"]
    with (
        pytest.raises(AssertionError, match=r"nowhere\.yml"),
        running(command, log=tmp_path / "log", ready="http://127.0.0.1:1/"),
    ):
        pass
