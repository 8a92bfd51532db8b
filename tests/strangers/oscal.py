"""Reads OSCAL documents with the models of compliance-trestle, which are made from NIST's schema. Usage: oscal.py FOLDER"""

import pathlib
import sys

from trestle.oscal.assessment_results import AssessmentResults
from trestle.oscal.component import ComponentDefinition
from trestle.oscal.poam import PlanOfActionAndMilestones
from trestle.oscal.ssp import SystemSecurityPlan

MODELS = {
    "oscal-assessment-results.json": AssessmentResults,
    "oscal-poam.json": PlanOfActionAndMilestones,
    "oscal-ssp.json": SystemSecurityPlan,
    "oscal-component-definition.json": ComponentDefinition,
}


def is_refused(model, path):
    """A document that is no OSCAL must not be read, or reading says nothing."""
    bad = path.with_name("bad-" + path.name)
    bad.write_text(path.read_text().replace('"last-modified"', '"last_modified_on"', 1))
    try:
        model.oscal_read(bad)
    except Exception:  # whatever it throws, it refuses
        return True
    finally:
        bad.unlink()
    return False


folder = pathlib.Path(sys.argv[1])
for name, model in MODELS.items():
    path = folder / name
    if model.oscal_read(path) is None:
        sys.exit(f"{path} is missing")
    if not is_refused(model, path):
        sys.exit(f"a {name} that is no OSCAL was read")
    print(f"compliance-trestle reads {name}")
