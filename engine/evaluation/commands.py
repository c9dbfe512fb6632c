"""``python -m engine evaluate ...``"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from engine.errors import CospeechError
from engine.plan.types import STYLES
from engine.take.progress import Bar

app = typer.Typer(name="evaluate", add_completion=False)


@app.command()
def evaluate(
    pred: Annotated[Path | None, typer.Option(help="Folder of generated takes (.npz).")] = None,
    gt: Annotated[Path | None, typer.Option(help="Folder of real takes of the same names.")] = None,
    audio: Annotated[Path | None, typer.Option(help="Folder of their speech, for beat consistency.")] = None,
    extractor: Annotated[Path | None, typer.Option(help="The published feature network, for FGD.")] = None,
    labels: Annotated[Path | None, typer.Option(help="Folder of BEAT2's semantic labels, for SRGR.")] = None,
    smplx: Annotated[Path | None, typer.Option(help="Folder of SMPLX_NEUTRAL_2020.npz, for LVD and MSE.")] = None,
    hints: Annotated[Path | None, typer.Option(help="Folder of the takes' hints, for pin errors.")] = None,
    realism: Annotated[
        bool, typer.Option("--realism", help="Bundled generator against realism bands instead.")
    ] = False,
    speech: Annotated[
        Path | None, typer.Option(help="Realism: folder of speech with transcripts; else the demo.")
    ] = None,
    styles: Annotated[str, typer.Option(help="Realism: comma-separated styles.")] = ",".join(STYLES),
    corpus: Annotated[Path | None, typer.Option(help="Realism: the gesture corpus, through the same rows.")] = None,
    beat2: Annotated[Path | None, typer.Option(help="Realism: a BEAT2 take (.npz), its .wav beside it.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write the figures here as JSON too.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Measure generated takes against real ones, or (--realism) against the bands of real motion."""
    from engine.evaluation import realism as bands
    from engine.evaluation import report

    if realism:
        chosen = tuple(style.strip() for style in styles.split(",") if style.strip())
        with Bar(quiet=as_json) as bar:
            measured = bands.evaluate_realism(speech, chosen, corpus, beat2, tell=bar)
        figures, lines = bands.as_json(measured), bands.table(measured)
    elif pred is not None and gt is not None:
        rows = report.evaluate(pred, gt, audio, extractor=extractor, labels=labels, smplx=smplx, hints=hints)
        figures, lines = report.as_json(rows), report.table(rows)
    else:
        raise CospeechError("Give two folders of takes, --pred and --gt; or --realism for the bundled generator")
    if out is not None:
        out.write_text(json.dumps(figures, indent=1), encoding="utf-8")
    print(json.dumps(figures) if as_json else "\n".join(lines))
