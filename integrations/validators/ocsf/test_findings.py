"""Detection findings as `py-ocsf-models` has them: what we export is read, and says what it said.

Its models know Detection Finding 2004 and the objects in it; the other classes are held against the schema by the tests of the
crate `export`. `BARTIZAN_CORPUS` names the program that writes hostile events.
"""

import json
import os
import subprocess

import pytest
from py_ocsf_models.events.findings.detection_finding import DetectionFinding
from py_ocsf_models.objects.metadata import Metadata

RECORDS_OF_EACH_CLASS = 5_000


def corpus(fmt):
    """The events of one format, one at a time."""
    command = [os.environ["BARTIZAN_CORPUS"], fmt, str(RECORDS_OF_EACH_CLASS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as program:
        for line in program.stdout:
            yield json.loads(line)
    assert program.returncode == 0


@pytest.mark.parametrize("fmt", ["ocsf", "ocsf-1.9"])
def test_findings_are_read_by_models_of_others(fmt):
    read = 0
    for event in corpus(fmt):
        Metadata.model_validate(event["metadata"])
        if event["class_uid"] != 2004:
            continue
        finding = DetectionFinding.model_validate(event)
        assert finding.type_uid.value == event["type_uid"]
        assert event["type_uid"] == 200400 + event["activity_id"] and event["activity_id"] in (1, 2, 3)
        assert finding.severity_id.value == event["severity_id"]
        assert finding.finding_info.uid == event["finding_info"]["uid"]
        assert finding.time == event["time"]
        read += 1
    assert read >= 10_000
