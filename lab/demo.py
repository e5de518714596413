"""The demo: `script/demo`."""

import sys
from pathlib import Path

import click

from effects.clock import Stopwatch, now
from estate.problem import Problem
from lab import chain, demo_report
from lab.chain import Demo, Stage
from lab.making import up
from lab.small import thin


def say(line: str) -> None:
    """Progress, on standard error."""
    click.echo(line, err=True)


def _indented(line: str) -> None:
    say(f"   {line}")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--keep", is_flag=True, help="Leave the lab up for playing; take it down with: seawall lab down --name demo"
)
@click.option("--name", default="demo", show_default=True, help="What the lab is called.")
@click.option("--network", default=77, show_default=True, help="The lab's hosts get addresses in 10.NETWORK.0.0/16.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("build/demo"),
    show_default=True,
    help="Where the reports go.",
)
@click.option("--small", is_flag=True, help="With a tenth of the documents: less to wait for, and less to see.")
def main(keep: bool, name: str, network: int, out: Path, small: bool) -> None:
    """Harden real hosts, back them up, lose a datacenter, come back in another, return; then say what it took."""
    watch = Stopwatch()
    say("── a lab of eight Debian hosts in three datacenters (the first time its image is built: some minutes)")
    start = now()
    lab = up(name, network, say=_indented)
    if small:
        thin(lab)
    demo = Demo(lab, say, [Stage("lab up", start, now())])
    try:
        chain.run(demo)
        ok = demo_report.write(demo_report.figures(demo, watch.seconds), demo, out)
    finally:
        if keep:
            say(
                f"\nthe lab stays up; type: export SEAWALL_ESTATE={lab.estate_file}\n"
                f"and at last: seawall lab down --name {name}"
            )
        else:
            lab.down()
    sys.exit(0 if ok else 1)


if __name__ == "__main__":
    try:
        main()
    except Problem as problem:
        click.echo(f"demo: {problem}", err=True)
        sys.exit(problem.exit_code)
