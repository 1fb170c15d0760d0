"""The report of an appraisal: one HTML file with its pictures inside, made to be read and printed."""

from __future__ import annotations

from recore import __version__
from recore.appraisal.case import Appraisal
from recore.method import Outcome
from recore.registry import registry


def render(appraisal: Appraisal, *, issuer: str = "", bundle_sha256: str = "") -> str:
    """HTML of the report.

    Parameters
    ----------
    issuer : DID of whoever signs the passport ('' leaves the line out)
    bundle_sha256 : digest of the passport bundle, so that paper and file can be matched
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("recore.appraisal"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    captures = {capture.file: capture for capture in appraisal.case.evidence}
    invented = {
        step.id
        for step in appraisal.case.step
        if any(name in captures and captures[name].synthetic for name in step.evidence)
    }
    steps = [
        {
            "step": step,
            "finding": appraisal.findings[step.id],
            "summary": registry().get(step.method).summary,
            "picture": Markup(svg(appraisal.outcomes[step.id])),  # noqa: S704 - drawn by us, text escaped by the drawer
        }
        for step in appraisal.case.step
    ]
    return environment.get_template("report.html").render(
        case=appraisal.case,
        as_of=appraisal.as_of,
        grade=appraisal.grade.json(),
        components={component.id: component for component in appraisal.case.component},
        steps=steps,
        rules=appraisal.rules,
        evidence={file.name: file for file in appraisal.evidence.values()},
        captures=captures,
        issuer=issuer,
        bundle_sha256=bundle_sha256,
        version=__version__,
        synthetic=invented,
    )


def svg(outcome: Outcome) -> str:
    """The plot of an outcome as SVG; '' where the method has none or refused."""
    specification = outcome.plot()
    if specification is None:
        return ""
    import vl_convert

    drawn: str = vl_convert.vegalite_to_svg(specification)
    return drawn[drawn.index("<svg") :]
