"""Candidates of a search, calibrated by Ray: `dmci search TASK --out RUN --via "python3 dmci_ray.py TASK"`.

Jobs come on standard input, a line of JSON each, and answers go to standard output in any order. Each actor
keeps one `dmci search worker`; an actor or worker that ends takes nothing with it, because a job may be done
twice: it is given to another. Options come after the task: `--actors N` (as many as Ray has processors),
`--dmci PATH` (the program), `--address ADDRESS` (of a cluster that runs; one on this machine otherwise).
"""

import argparse
import json
import os
import queue
import subprocess
import sys
import threading

import ray
from ray.exceptions import RayError

# How often a job is tried before it is answered with an error.
TRIES = 20
# Jobs that an actor has at a time: enough that it never waits, few enough that little is done twice.
BATCH = 16


@ray.remote(num_cpus=1, max_restarts=-1)
class Calibrator:
    """One worker process."""

    def __init__(self, command):
        self.command = command
        self.process = None

    def _start(self):
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def pid(self):
        """The worker's process, for tests that end it."""
        if self.process is None or self.process.poll() is not None:
            self._start()
        return self.process.pid

    def answer(self, lines):
        """Answers jobs in their order."""
        for attempt in range(2):
            if self.process is None or self.process.poll() is not None:
                self._start()
            try:
                answers = []
                for line in lines:
                    self.process.stdin.write(line + "\n")
                    self.process.stdin.flush()
                    answer = self.process.stdout.readline()
                    if not answer.endswith("\n"):
                        raise BrokenPipeError("the worker has ended")
                    answers.append(answer.rstrip("\n"))
                return answers
            except (BrokenPipeError, OSError):
                self.process = None
                if attempt:
                    raise


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task", help="a task file, or the folder of a run")
    parser.add_argument("--actors", type=int, default=0)
    parser.add_argument("--dmci", default="dmci")
    parser.add_argument("--address", default=None)
    arguments = parser.parse_args()
    # Standard output is for answers alone: what Ray has to say, of workers that died too, goes beside it.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    ray.init(address=arguments.address, log_to_driver=False, logging_level="error", include_dashboard=False)
    count = arguments.actors or max(1, int(ray.cluster_resources().get("CPU", 1)))
    command = [arguments.dmci, "search", "worker", arguments.task]
    actors = [Calibrator.remote(command) for _ in range(count)]

    jobs = queue.Queue()

    def read():
        for line in sys.stdin:
            if line.strip():
                jobs.put((line.rstrip("\n"), 0))
        jobs.put(None)

    threading.Thread(target=read, daemon=True).start()
    idle, running, is_open = list(actors), {}, True
    while is_open or running or not jobs.empty():
        while idle and not (running and jobs.empty()):
            # Waits for the first job; what came with it goes along.
            batch = []
            while len(batch) < BATCH:
                try:
                    job = jobs.get(block=is_open and not running and not batch)
                except queue.Empty:
                    break
                if job is None:
                    is_open = False
                    break
                batch.append(job)
            if not batch:
                break
            actor = idle.pop()
            running[actor.answer.remote([line for line, _ in batch])] = (actor, batch)
        if not running:
            continue
        # Others may be free before all have answered, and jobs may come meanwhile.
        done, _ = ray.wait(list(running), num_returns=1, timeout=0.05)
        for reference in done:
            actor, batch = running.pop(reference)
            try:
                for answer in ray.get(reference):
                    answers.write(answer + "\n")
                answers.flush()
                idle.append(actor)
            except RayError:
                # The actor is gone, and Ray starts it anew, or it cannot be had: another takes its place.
                try:
                    ray.kill(actor)
                except RayError:
                    pass
                idle.append(Calibrator.remote(command))
                for line, tries in batch:
                    if tries + 1 < TRIES:
                        jobs.put((line, tries + 1))
                    else:
                        failed = {"id": json.loads(line).get("id"), "error": "worker",
                                  "message": f"no worker has answered in {TRIES} tries"}
                        answers.write(json.dumps(failed) + "\n")
                        answers.flush()


if __name__ == "__main__":
    main()
