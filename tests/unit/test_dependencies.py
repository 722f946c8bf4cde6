"""What is depended on: pinned, explained, of a licence that may be shipped, and in the bill of materials."""

import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHIPPED = ("运行", "Windows")


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned():
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pins = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {normal(name): version for name, version in pins}


def listed():
    """Name to (version, licence, used in, reason)."""
    lines = (ROOT / "docs" / "dependencies.md").read_text("utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    return {normal(row[0]): row[1:] for row in rows[1:]}


def declared():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = [line for lines in project["optional-dependencies"].values() for line in lines]
    return [normal(re.match(r"[A-Za-z0-9._-]+", line)[0]) for line in (*project["dependencies"], *extras)]


def test_every_pinned_package_is_on_the_list_with_its_version_and_a_reason_and_no_other():
    assert {name: row[0] for name, row in listed().items()} == pinned()
    assert all(len(row) == 4 and all(row) for row in listed().values())


def test_everything_that_the_project_declares_is_pinned():
    assert [name for name in declared() if name not in pinned()] == []


def test_nothing_that_is_shipped_has_a_licence_that_forbids_it():
    shipped = {name: row[1] for name, row in listed().items() if row[2] in SHIPPED}
    assert len(shipped) > 20
    assert [name for name, licence in shipped.items() if re.search(r"GPL|AGPL|\?", licence)] == []


@pytest.fixture(scope="module")
def bill(tmp_path_factory):
    target = tmp_path_factory.mktemp("sbom") / "his-agent.cdx.json"
    subprocess.run([sys.executable, ROOT / ".ci" / "sbom.py", target], check=True, timeout=60)
    return json.loads(target.read_text("utf-8"))


def test_the_bill_is_cyclonedx_and_names_the_agent(bill):
    assert (bill["bomFormat"], bill["specVersion"], bill["version"]) == ("CycloneDX", "1.6", 1)
    assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", bill["serialNumber"])
    own = bill["metadata"]["component"]
    assert (own["type"], own["name"], own["version"]) == (
        "application",
        "his-agent",
        distribution("his-agent").version,
    )


def test_the_bill_lists_every_runtime_package_of_this_system_once_and_none_of_development(bill):
    names = [component["name"] for component in bill["components"]]
    assert len(names) == len(set(names))
    runtime = {name for name, row in listed().items() if row[2] == "运行"}
    assert set(names) >= {name for name in runtime if is_installed(name)}
    development = {name for name, row in listed().items() if row[2] == "开发"}
    assert not set(names) & development


def is_installed(name):
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True


def test_each_component_has_its_installed_version_a_licence_and_a_purl(bill):
    for component in bill["components"]:
        assert component["version"] == distribution(component["name"]).version
        assert component["purl"] == f"pkg:pypi/{component['name']}@{component['version']}"
        assert component["licenses"], component["name"]


def test_every_dependency_leads_to_a_component_of_the_bill(bill):
    refs = {bill["metadata"]["component"]["bom-ref"], *(one["bom-ref"] for one in bill["components"])}
    assert {entry["ref"] for entry in bill["dependencies"]} == refs
    assert {to for entry in bill["dependencies"] for to in entry["dependsOn"]} <= refs
    (own,) = [entry for entry in bill["dependencies"] if entry["ref"].startswith("pkg:pypi/his-agent@")]
    assert any(to.startswith("pkg:pypi/cryptography@") for to in own["dependsOn"])


def test_the_same_environment_gives_the_same_bill(bill, tmp_path):
    again = tmp_path / "again.json"
    subprocess.run([sys.executable, ROOT / ".ci" / "sbom.py", again], check=True, timeout=60)
    assert json.loads(again.read_text("utf-8")) == bill
