"""Progress of a command: a line each second on stderr, whatever the event loop is busy with."""

import io
import threading

from toolkit.tour.progress import CLEAR, Progress

DEADLINE_S = 20


class Stream(io.StringIO):
    """A stream that knows how often it was flushed."""

    def __init__(self, terminal=False):
        super().__init__()
        self.terminal = terminal
        self.flushed = threading.Semaphore(0)

    def isatty(self):
        return self.terminal

    def flush(self):
        self.flushed.release()

    def wait_for_lines(self, n):
        for _ in range(n):
            assert self.flushed.acquire(timeout=DEADLINE_S)


def test_it_says_which_part_runs_and_how_far_while_the_command_itself_is_busy():
    stream = Stream()
    with Progress(2, stream, each_s=0.01) as progress:
        progress.begin("conversations")
        stream.wait_for_lines(1)
        progress.update(1_200, 2_400)
        stream.wait_for_lines(2)
        progress.begin("topics")
        stream.wait_for_lines(2)
    lines = stream.getvalue().splitlines()
    assert lines[0] == "[1 of 2] conversations (0 s)"
    assert any(line.startswith("[1 of 2] conversations: 1,200 of 2,400 (") for line in lines)
    assert lines[-1].startswith("[2 of 2] topics (")


def test_a_part_that_is_over_at_once_is_said_too_and_a_busy_part_fills_no_log():
    stream = Stream()
    with Progress(2, stream) as progress:
        progress.begin("scoring")
        progress.update(3, 3)
        progress.begin("topics")
    lines = ["[1 of 2] scoring (0 s)", "[1 of 2] scoring: 3 of 3 (0 s)", "[2 of 2] topics (0 s)"]
    assert stream.getvalue().splitlines() == lines


def test_a_part_without_a_count_says_its_own_seconds(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("toolkit.tour.progress.time.monotonic", lambda: now[0])
    stream = Stream()
    with Progress(2, stream, each_s=DEADLINE_S) as progress:
        progress.begin("judging")
        now[0] = 15.0
        progress.begin("topics")
        now[0] = 90.0
        progress.begin("report")
    assert stream.getvalue().splitlines()[1] == "[2 of 2] topics (15 s)"


def test_where_no_terminal_is_there_are_plain_lines_and_no_codes():
    stream = Stream()
    with Progress(1, stream, each_s=0.01) as progress:
        progress.begin("topics")
        stream.wait_for_lines(1)
    assert stream.getvalue().isprintable() is False  # the ends of its lines
    assert "\x1b" not in stream.getvalue()
    assert "\r" not in stream.getvalue()


def test_on_a_terminal_one_line_is_written_over_and_gone_at_the_end_and_before_a_sentence():
    stream = Stream(terminal=True)
    with Progress(1, stream, each_s=0.01) as progress:
        progress.begin("topics")
        stream.wait_for_lines(1)
        say = progress.apart_from(lambda line: stream.write(f"{line}\n"))
        say("33 topics")
    shown = stream.getvalue()
    assert f"{CLEAR}33 topics\n" in shown
    assert shown.endswith(CLEAR)
    assert shown.count("\n") == 1


def test_a_stream_that_nobody_reads_any_more_stops_nothing():
    stream = Stream()
    with Progress(1, stream, each_s=0.01) as progress:
        progress.begin("topics")
        stream.wait_for_lines(1)
        stream.close()
        progress.update(1, 1)


def test_nothing_is_said_before_the_first_part_begins():
    stream = Stream()
    with Progress(1, stream, each_s=0.01):
        assert not stream.flushed.acquire(timeout=0.1)
    assert stream.getvalue() == ""
