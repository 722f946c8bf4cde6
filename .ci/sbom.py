"""A CycloneDX 1.6 bill of materials of what is installed with his-agent in this environment.

    python .ci/sbom.py FILE [EXTRA ...]

Standard library only, so that it runs in any environment that is to be listed: a fresh prefix, the
Python that a frozen folder was made from. The same environment gives the same bytes: no clock, and a
serial number made of the content.
"""

import json
import re
import sys
import uuid
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

NAME = "his-agent"
NAMESPACE = uuid.UUID("8d2f1f0e-6a5a-5d0e-9a67-2f8f5b1f6c11")
REQUIREMENT = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[([^\]]*)\])?[^;]*(?:;(.*))?$")
EXTRA = re.compile(r"""extra\s*==\s*['"]([^'"]+)['"]""")


def normal(name: str) -> str:
    """A name as PyPI compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def needs(package: Distribution, extras: set[str]) -> list[tuple[str, set[str]]]:
    """What ``package`` requires, with the extras wanted of it. Requirements that a marker of the system
    rules out are told apart later, by not being installed."""
    found = []
    for line in package.requires or ():
        match = REQUIREMENT.match(line.strip())
        if match is None:
            raise ValueError(f"requirement of {package.name} not understood: {line}")
        name, wanted, marker = match.groups()
        extra = EXTRA.search(marker or "")
        if extra is None or normal(extra[1]) in extras:
            found.append((normal(name), {normal(one) for one in (wanted or "").split(",") if one.strip()}))
    return found


def closure(root: str, extras: set[str]) -> tuple[dict[str, Distribution], dict[str, set[str]]]:
    """Every installed package that ``root`` leads to, and who leads to whom."""
    packages: dict[str, Distribution] = {}
    edges: dict[str, set[str]] = {}
    waiting = [(normal(root), extras)]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        name, wanted = waiting.pop()
        if (name, frozenset(wanted)) in seen:
            continue
        seen.add((name, frozenset(wanted)))
        try:
            package = distribution(name)
        except PackageNotFoundError:
            continue
        packages[name] = package
        for needed, further in needs(package, wanted):
            edges.setdefault(name, set()).add(needed)
            waiting.append((needed, further))
    return packages, {name: {to for to in edges.get(name, ()) if to in packages} for name in packages}


def licences(package: Distribution) -> list[dict[str, object]]:
    expression = package.metadata.get("License-Expression")
    if expression:
        return [{"expression": expression}]
    lines = package.metadata.get_all("Classifier") or []
    names = [line.rpartition(" :: ")[2] for line in lines if line.startswith("License ::")]
    names = names or [(package.metadata.get("License") or "").partition("\n")[0]]
    return [{"license": {"name": name}} for name in names if name]


def component(name: str, package: Distribution, kind: str) -> dict[str, object]:
    made: dict[str, object] = {
        "type": kind,
        "bom-ref": reference(name, package),
        "name": name,
        "version": package.version,
        "purl": reference(name, package),
    }
    if package.metadata.get("Summary"):
        made["description"] = package.metadata["Summary"]
    if licences(package):
        made["licenses"] = licences(package)
    return made


def reference(name: str, package: Distribution) -> str:
    return f"pkg:pypi/{name}@{package.version}"


def bill(extras: set[str]) -> dict[str, object]:
    """Raises PackageNotFoundError when his-agent is not installed here."""
    distribution(NAME)
    packages, edges = closure(NAME, extras)
    own = packages.pop(NAME)
    refs = {name: reference(name, package) for name, package in {NAME: own, **packages}.items()}
    content: dict[str, object] = {
        "metadata": {
            "component": component(NAME, own, "application"),
            "properties": [
                {"name": "his-agent:platform", "value": sys.platform},
                {"name": "his-agent:python", "value": ".".join(map(str, sys.version_info[:3]))},
            ],
        },
        "components": [component(name, packages[name], "library") for name in sorted(packages)],
        "dependencies": [
            {"ref": refs[name], "dependsOn": sorted(refs[to] for to in edges[name])} for name in sorted(refs)
        ],
    }
    serial = uuid.uuid5(NAMESPACE, json.dumps(content, sort_keys=True))
    head = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
    }
    return {**head, **content}


if __name__ == "__main__":
    target, *chosen = sys.argv[1:]
    text = json.dumps(bill({normal(one) for one in chosen}), ensure_ascii=False, indent=2) + "\n"
    Path(target).parent.mkdir(parents=True, exist_ok=True)
    Path(target).write_text(text, "utf-8")
