"""The benchmarks judge their targets rightly, check every answer, and keep a page of what was measured."""

from __future__ import annotations

import threading
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bench.crowd import ask_at_once
from bench.load import load
from bench.report import Measurement, write_report
from bench.table import Judged, MeasuredRow, Target, rendered

pytestmark = pytest.mark.any_database

BODY = b"sound" * 100


@pytest.mark.parametrize(
    ("judged", "bound", "is_more_better", "is_met"),
    [
        (Judged.FIGURE, 20, False, True),  # ours is 20, the baseline 10, the limit 16
        (Judged.FIGURE, 19, False, False),
        (Judged.RATIO, 2.0, True, True),
        (Judged.RATIO, 2.1, True, False),
        (Judged.TO_LIMIT, 1.25, False, True),
        (Judged.TO_LIMIT, 1.2, False, False),
        (Judged.OVER_LIMIT, 4, False, True),
        (Judged.OVER_LIMIT, 3, False, False),
    ],
)
def test_a_target_bounds_ours_or_how_it_compares(
    judged: Judged, bound: float, is_more_better: bool, is_met: bool
) -> None:
    row = MeasuredRow(
        name="row",
        ours=[20, 18, 30],
        baseline=[10, 10, 10],
        limit=[16, 16, 16],
        unit="ms",
        is_more_better=is_more_better,
        target=Target(judged, bound),
    )
    assert row.is_met is is_met
    assert f"{bound:g}" in row.target_text


def test_a_ratio_is_the_median_of_the_ratios_within_a_repetition() -> None:
    row = MeasuredRow(name="row", ours=[10, 40, 90], baseline=[10, 20, 30], unit="ms")
    assert row.ratios == [1, 2, 3]
    assert row.as_json()["ratio"] == 2


def test_a_baseline_measured_once_is_compared_with_each_repetition() -> None:
    assert MeasuredRow(name="row", ours=[10, 20], baseline=[10], unit="ms").ratios == [1, 2]


def test_a_row_that_is_compared_with_zero_has_no_ratio_and_still_fits_the_table() -> None:
    row = MeasuredRow(name="row", ours=[10], baseline=[0], unit="ms", target=Target(Judged.RATIO, 1))
    assert row.ratios == []
    assert row.is_met is None
    assert "row" in rendered([("Title.", [row])])


def measurement(name: str, *rows: MeasuredRow, is_whole: bool = True) -> Measurement:
    return Measurement(
        name=name,
        title=f"Title of {name}.",
        rows=rows,
        is_whole=is_whole,
        seconds=1,
        measured_at="2026-11-29 12:00 UTC",
        machine="2 cores",
    )


def missed(name: str) -> MeasuredRow:
    target = Target(Judged.RATIO, 1, cause="The disk is slow.")
    return MeasuredRow(
        name=name, ours=[2], baseline=[1], limit=[0.5], unit="ms", target=target, notes="a | b <c> & more"
    )


def test_a_report_says_which_target_was_missed_and_why(tmp_path: Path) -> None:
    write_report([measurement("one", missed("slow row"))], tmp_path)
    page = (tmp_path / "measured.md").read_text()
    assert "0 of 1 are met" in page
    assert "| at most 1 x the baseline | 2.00 x the baseline | **no** |" in page
    assert "- slow row: The disk is slow." in page
    assert "a \\| b" in page


def test_the_plots_of_a_report_are_readable_svg(tmp_path: Path) -> None:
    write_report([measurement("one", missed("row with <&>"))], tmp_path)
    for name in ("one.svg", "targets.svg"):
        drawn = ET.parse(tmp_path / "measured" / name).getroot()
        words = "".join(drawn.itertext())
        assert "row with <&>" in words
        assert "prefers-color-scheme: dark" in words


def test_a_report_of_some_benchmarks_keeps_the_figures_of_the_others(tmp_path: Path) -> None:
    write_report([measurement("one", missed("first")), measurement("two", missed("second"))], tmp_path)
    write_report([measurement("two", missed("third"), is_whole=False)], tmp_path)
    page = (tmp_path / "measured.md").read_text()
    assert "first" in page
    assert "second" not in page
    assert "third" in page
    assert "It failed before its end" in page


def test_a_report_drops_benchmarks_that_no_longer_exist(tmp_path: Path) -> None:
    write_report([measurement("one", missed("first")), measurement("two", missed("second"))], tmp_path)
    write_report([], tmp_path, known=["two"])
    assert "first" not in (tmp_path / "measured.md").read_text()
    assert {path.name for path in (tmp_path / "measured").iterdir()} == {
        "results.json",
        "targets.svg",
        "two.svg",
    }


class Speaking(BaseHTTPRequestHandler):
    """Sends BODY, in chunks where that is asked for, and without the last one where that is asked for."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"%x\r\n%b\r\n" % (len(BODY), BODY))
        if self.path != "/cut":
            self.wfile.write(b"0\r\n\r\n")
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Speaking)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_load_counts_whole_answers(url: str) -> None:
    done = load(f"{url}/clip", BODY, connections=2, seconds=0.1)
    assert done.requests >= 2
    assert 0 < done.median_ms <= done.p99_ms


def test_a_load_fails_when_an_answer_has_other_bytes(url: str) -> None:
    with pytest.raises(RuntimeError, match="not the expected answer"):
        load(f"{url}/clip", BODY[::-1], connections=1, seconds=0.1)


def test_a_crowd_reads_all_answers_to_their_ends(url: str) -> None:
    answers = ask_at_once(f"{url}/whole", {}, {}, 20)
    assert [each.status for each in answers] == [200] * 20
    assert len({each.body_sha256 for each in answers}) == 1


def test_a_crowd_notices_an_answer_that_was_cut(url: str) -> None:
    with pytest.raises(ConnectionError, match="cut"):
        ask_at_once(f"{url}/cut", {}, {}, 1)
