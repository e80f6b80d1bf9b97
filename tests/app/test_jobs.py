import threading
import time

import pytest

from app.jobs import Jobs, JobState
from quant.errors import DataError
from quant.execution.progress import Progress


@pytest.fixture
def jobs():
    registry = Jobs(workers=2, keep=4)
    yield registry
    registry.shutdown()


def until_cancelled(report):
    for done in range(10_000):
        report(Progress(done, 10_000, done / 100))
        time.sleep(0.01)


def test_a_job_ends_with_its_result_and_last_progress(jobs):
    def work(report):
        report(Progress(3, 3, 0.5))
        return "statistics"

    job = jobs.start("calibrate", work, label="Calibration")
    assert job.wait(5)
    assert (job.state, job.result, job.error) == (JobState.DONE, "statistics", None)
    assert job.progress == Progress(3, 3, 0.5)
    assert jobs.get("calibrate") is job


def test_cancel_stops_within_a_second_and_is_no_failure(jobs):
    job = jobs.start("calibrate", until_cancelled, label="Calibration")
    while job.progress is None:
        time.sleep(0.005)
    began = time.monotonic()
    job.cancel()
    assert job.cancelling
    assert job.wait(1)
    assert time.monotonic() - began < 1
    assert (job.state, job.error, job.cancelling) == (JobState.CANCELLED, None, False)


def test_a_job_that_waits_for_its_turn_never_works_once_cancelled(jobs):
    busy = [jobs.start(f"busy {i}", until_cancelled, label="Busy") for i in range(2)]
    worked = threading.Event()
    waiting = jobs.start("waiting", lambda _: worked.set(), label="Waiting")
    for job in (waiting, *busy):
        job.cancel()
    assert waiting.wait(2)
    assert waiting.state is JobState.CANCELLED
    assert not worked.is_set()


def test_an_error_is_kept_as_it_was_raised(jobs):
    error = DataError("x.npz has no array named images.")

    def work(report):
        raise error

    job = jobs.start("measure", work, label="Measurement")
    assert job.wait(5)
    assert job.state is JobState.FAILED
    assert job.error is error


def test_an_unexpected_error_is_kept_and_logged(jobs, caplog):
    def work(report):
        raise ZeroDivisionError

    job = jobs.start("measure", work, label="Measurement")
    assert job.wait(5)
    assert isinstance(job.error, ZeroDivisionError)
    assert "Measurement failed" in caplog.text


def test_the_same_key_is_not_started_twice_while_it_runs(jobs):
    first = jobs.start("calibrate", until_cancelled, label="Calibration")
    assert jobs.start("calibrate", until_cancelled, label="Calibration") is first
    first.cancel()
    assert first.wait(1)
    again = jobs.start("calibrate", lambda _: 2, label="Calibration")
    assert again is not first
    assert again.wait(5)
    assert jobs.get("calibrate").result == 2


def test_finished_jobs_are_bounded_and_the_oldest_goes_first(jobs):
    for i in range(6):
        assert jobs.start(f"job {i}", lambda _: None, label="Job").wait(5)
    assert [job.key for job in jobs.all()] == ["job 2", "job 3", "job 4", "job 5"]


def test_a_running_job_is_never_forgotten(jobs):
    running = jobs.start("long", until_cancelled, label="Long")
    for i in range(8):
        assert jobs.start(f"job {i}", lambda _: None, label="Job").wait(5)
    jobs.forget("long")
    assert jobs.get("long") is running
    running.cancel()
    assert running.wait(1)
    jobs.forget("long")
    assert jobs.get("long") is None


def test_shutdown_cancels_what_runs():
    registry = Jobs(workers=1)
    job = registry.start("long", until_cancelled, label="Long")
    registry.shutdown()
    assert job.wait(1)
    assert job.state is JobState.CANCELLED


def test_a_running_job_says_what_it_does_now(jobs: Jobs):
    go = threading.Event()
    job = jobs.start("k", lambda _: go.wait(5), label="First")
    jobs.rename("k", "Second", "fixes")
    jobs.rename("unknown", "Third", "fixes")
    assert job.label == "Second"
    go.set()
    assert job.wait(5)
