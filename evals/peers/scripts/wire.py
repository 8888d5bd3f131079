"""The two ends of a peer's script. Whatever a package prints goes to stderr: stdout carries the answer alone."""

# mypy: ignore-errors
import json
import os
import sys

_ANSWER = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)


def job():
    """What was asked. Torch is set to the asker's number of threads."""
    import torch

    asked = json.load(sys.stdin)
    torch.set_num_threads(asked["threads"])
    return asked


def tensors(asked, *names):
    """Parts of a job on its device."""
    import torch

    return [torch.tensor(asked[name], device=asked["device"]) for name in names]


def model(asked):
    """The job's weights as transformers loads them."""
    import torch
    from transformers import AutoModelForCausalLM

    made = AutoModelForCausalLM.from_pretrained(asked["model"], dtype=torch.float32)
    return made.to(asked["device"]).eval()


def answer(found):
    """Write the answer; nothing may follow."""
    json.dump(found, _ANSWER)
    _ANSWER.close()


def timed(work, rounds):
    """What ``work`` returned in an unmeasured first round, and the seconds of each round after it."""
    import time

    import torch

    def wait():
        if torch.cuda.is_available():
            torch.cuda.synchronize()

    first, taken = work(), []
    for _ in range(rounds):
        wait()
        started = time.perf_counter()
        work()
        wait()
        taken.append(time.perf_counter() - started)
    return first, taken
