"""The command line of the benchmark: scripts/bench."""

import argparse
import os
import shlex
import sys
import time
from pathlib import Path

from scripts.benchmark import children

SECTIONS = {
    "steps": "whole training steps against PyTorch and JAX: embedding or features, core, readout, loss, clipping, Adam",
    "ways": "equivalent ways to write the products of one step",
    "rate": "share of this machine's own sgemm rate that the cores reach",
    "floor": "what this machine can do, and the share of it that the cores reach",
    "growth": "growth of the cores' time with T, B, H, layers and vocabulary",
    "memory": "peak memory of the cores",
}

BUSY = 0.5  # from this load average over a minute on, figures should not be trusted


def parse(words: list[str]) -> argparse.Namespace:
    sections = "\n".join(f"  {name:<8} {what}" for name, what in SECTIONS.items())
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description="Times seqexp against PyTorch and JAX on this CPU, in float32.",
        epilog=f"sections:\n{sections}\n\nexamples:\n  scripts/bench --quick\n  scripts/bench --only steps,lstm,torch"
        "\n  scripts/bench --json bench.json --resume --peer-python ~/peers/bin/python",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="small shapes, few rounds: a look, not a measurement")
    parser.add_argument("--only", default="", help="sections, models, shapes or peers, with commas between")
    parser.add_argument("--threads", default="1,2", help="thread counts of the training steps (default 1,2)")
    parser.add_argument("--rounds", type=int, default=None, help="paired runs a case (default 11; with --quick 3)")
    parser.add_argument("--seconds", type=float, default=None, help="length of a run (default 0.15; with --quick 0.05)")
    parser.add_argument("--no-wait", action="store_true", help="let JAX run ahead: read only the last loss of a run")
    parser.add_argument("--json", type=Path, default=None, metavar="FILE", help="write all figures, after each row")
    parser.add_argument("--resume", action="store_true", help="keep the rows FILE has, measure what is missing")
    parser.add_argument(
        "--peer-python", metavar="PATH", help="an interpreter that has torch and jax, if this one does not"
    )
    parser.add_argument(
        "--clock", choices=["wall", "cpu"], default="wall", help="cpu: the processes' own time, on a busy machine"
    )
    parser.add_argument("--avx2", action="store_true", help="everybody computes as on a CPU without AVX-512")
    options = parser.parse_args(words)
    if options.resume and options.json is None:
        parser.error("--resume: expected --json FILE with it, whose rows to keep")
    try:
        options.threads = [int(word) for word in options.threads.split(",")]
    except ValueError:
        parser.error(f"--threads: expected numbers with commas between, got {options.threads!r}")
    if min(options.threads) < 1 or (options.rounds or 1) < 1:
        parser.error("--threads, --rounds: expected at least 1")
    return options


def choose(only: str, quick: bool) -> dict[str, list[str]]:
    """What to measure by kind; a kind that ``only`` does not mention is taken whole."""
    from scripts.benchmark import cases

    shapes = list(cases.QUICK) if quick else cases.shapes()
    legal = {"section": list(SECTIONS), "model": list(cases.MODELS), "shape": cases.shapes(), "peer": ["torch", "jax"]}
    chosen: dict[str, list[str]] = {kind: [] for kind in legal}
    for word in filter(None, only.split(",")):
        kind = next((kind for kind, names in legal.items() if word in names), None)
        if kind is None:
            names = "; ".join(f"{kind}s {', '.join(names)}" for kind, names in legal.items())
            sys.exit(f"scripts/bench: error: --only: got {word!r}, expected any of: {names}")
        chosen[kind].append(word)
    return {kind: chosen[kind] or (shapes if kind == "shape" else names) for kind, names in legal.items()}


def main() -> None:
    options = parse(sys.argv[1:])
    if options.avx2 and children.NARROWED not in os.environ:  # before NumPy is loaded: by beginning anew
        os.execve(sys.executable, [sys.executable, "-m", "scripts.benchmark", *sys.argv[1:]], children.narrowed())
    removed = children.inherited_settings()
    for name in removed:
        del os.environ[name]  # before this process's own NumPy reads them
    chosen = choose(options.only, options.quick)

    from threadpoolctl import threadpool_limits

    from scripts.benchmark import core, floor, growth, report, steps, ways
    from scripts.benchmark.cases import all_cases
    from seqexp.kernels import library

    rounds = options.rounds or (3 if options.quick else 11)
    seconds = options.seconds or (0.05 if options.quick else 0.15)
    figures = report.Figures(options.json, options.resume, f"scripts/bench {shlex.join(sys.argv[1:])}".strip())
    about = figures.about
    report.console.print(f"{about['cpu']}, {about['cpus']} CPUs; {about['system']}; Python {about['python']}")
    if (about["load"] or 0) > BUSY:
        report.console.print(f"[yellow]the machine is busy (load {about['load']}): two-thread figures suffer most[/]")
    if removed:
        settings = " ".join(f"{name}={value}" for name, value in removed.items())
        report.console.print(f"taken out of the environment of everything measured: {settings}")
    about["removed"] = removed

    now = time.process_time if options.clock == "cpu" else time.perf_counter
    cases = [case for case in all_cases() if case.shape in chosen["shape"] and case.model in chosen["model"]]
    grid = [case for case in cases if "x" in case.shape and not case.vocabulary]
    if "steps" in chosen["section"]:
        interpreters = {"seqexp": sys.executable}
        if (why := library.missing()) is None:
            interpreters["compiled"] = sys.executable
        else:
            report.console.print(f"[yellow]backend=compiled: {why}[/]")
        for peer in chosen["peer"]:
            python = children.find_interpreter(peer, options.peer_python)
            if python is None:
                install = f"{children.INSTALL[peer]}, here or in an environment that --peer-python names"
                report.console.print(f"[yellow]{peer} is not installed: {install}[/]")
            else:
                interpreters[peer] = python
        plan = steps.Plan(rounds, seconds, not options.no_wait, options.clock)
        for threads in options.threads:
            steps.measure(cases, interpreters, threads, plan, figures)
        steps.summarise(figures, plan.wait)
    with threadpool_limits(1, user_api="blas"):
        grid_shapes = list(dict.fromkeys(case.shape for case in grid))
        if "ways" in chosen["section"]:
            ways.measure(grid_shapes, chosen["model"], rounds, seconds / 5, figures)
        if "rate" in chosen["section"]:
            core.rate(grid, rounds, seconds, figures)
        if "floor" in chosen["section"]:
            floor.measure(grid, rounds, seconds, figures, now)
        if "growth" in chosen["section"]:
            growth.measure(chosen["model"], rounds, seconds / 3, figures, options.quick, options.clock)
        if "memory" in chosen["section"]:
            core.memory(grid, figures)


if __name__ == "__main__":
    main()
