"""The rule of what belongs in wheel and sdist, and what their metadata say."""

from __future__ import annotations

import email
import re
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from email.message import Message
from pathlib import Path

from trove_classifiers import classifiers as known_classifiers

NAME = "airflow_provider_calcom"
# In the wheel, beside Python: rules, what reports and views are made of, the sandbox's demonstration.
DATA_OF_THE_PACKAGE = (
    "py.typed",
    "attendance/*.sql",
    "attendance/explain/*.sql",
    "plugins/templates/*",
    "reports/templates/*.html",
    "reports/static/*.css",
    "reports/static/js/*.js",
    "reports/static/vendored/*",
    "sandbox/demo_world.json",
)
# Folders and files of the source that the wheel has below the package, under the same or another name.
BESIDE_THE_PACKAGE = {
    "dags_examples": ("example_dags", ("*.py", "data/*.json")),
    "docs": (
        "docs",
        (
            "index.md",
            "explanation/*.md",
            "how-to/*.md",
            "how-to/feeds/*.md",
            "integration-logos/*.svg",
            "reference/*.md",
            "tutorial/*.md",
        ),
    ),
}
DIST_INFO = ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE")
FOLDERS_OF_SDIST = (
    ".ci", ".github", NAME, "benchmarks", "constraints", "dags_examples", "demo", "docs", "tests", "tools",
)  # fmt: skip
FILES_OF_SDIST = (
    ".gitignore", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "PKG-INFO", "README.md", "SECURITY.md",
    "pyproject.toml",
)  # fmt: skip
UNWANTED = re.compile(
    r"(^|/)(__pycache__|\.build|\.git|\.env[^/]*|[^/]*\.py[co]|\.[^/]*_cache|\.hypothesis|\.DS_Store)(/|$)"
)
# What a file may not have: folders of the machine that builds, and the address of an index, unlike one of its pages.
MACHINE = re.compile(
    r"/(?:home|Users)/(?!airflow\b|you\b|me\b|user\b|runner\b)\w+|/root/\w|C:\\Users\\\w"
    r"|(?:extra-)?index-url\s*=|(?:https?|file)://[^\s\"'`)]+/simple\b"
)
# Other servers' words, the patterns themselves and their tests.
_NOT_SEARCHED = ("tests/recordings/", "tools/release/", "tests/release/")
REQUIRED_URLS = ("Documentation",)
EXTRAS = {"attendance", "openlineage", "sandbox"}
CONSOLE_SCRIPTS = {"calcom-no-shows", "calcom-sandbox"}


def problems_of_wheel(path: Path, source: Path) -> list[str]:
    """Return what is wrong with a wheel, a line for each problem.

    :param path: the wheel.
    :param source: the root of the project that it was built from.
    """
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    dist_info = {name for name in files if name.split("/")[0].endswith(".dist-info")}
    expected = set(expected_in_wheel(source))
    found = [f"{name}: does not belong in a wheel" for name in sorted(files.keys() - dist_info - expected)]
    found += [f"{name}: missing" for name in sorted(expected - files.keys())]
    short = {name.partition("/")[2] for name in dist_info}
    found += [f"*.dist-info has {sorted(short)}, not {list(DIST_INFO)}"] if short != set(DIST_INFO) else []
    (metadata,) = (name for name in files if name.endswith(".dist-info/METADATA"))
    (entry_points,) = (name for name in files if name.endswith(".dist-info/entry_points.txt"))
    found += problems_of_metadata(email.message_from_bytes(files[metadata]))
    found += problems_of_entry_points(files[entry_points].decode())
    return [*found, *problems_of_texts(files, source)]


def expected_in_wheel(source: Path) -> Iterator[str]:
    """Yield the names that the wheel of a source has, without those of its metadata."""
    package = source / NAME
    for pattern in ("**/*.py", *DATA_OF_THE_PACKAGE):
        for path in package.glob(pattern):
            if path.is_file() and "__pycache__" not in path.parts:
                yield f"{NAME}/{path.relative_to(package).as_posix()}"
    for folder, (name, patterns) in BESIDE_THE_PACKAGE.items():
        for pattern in patterns:
            for path in (source / folder).glob(pattern):
                yield f"{NAME}/{name}/{path.relative_to(source / folder).as_posix()}"


def problems_of_sdist(path: Path, source: Path) -> list[str]:
    """Return what is wrong with a source distribution, a line for each problem.

    :param path: the source distribution.
    :param source: the root of the project that it was built from.
    """
    files: dict[str, bytes] = {}
    with tarfile.open(path) as archive:
        for member in archive:
            content = archive.extractfile(member)
            files[member.name.partition("/")[2]] = content.read() if content else b""
    allowed = (*FOLDERS_OF_SDIST, *FILES_OF_SDIST)
    found = [f"{name}: does not belong in an sdist" for name in sorted(files) if name.split("/")[0] not in allowed]
    found += [f"{name}: does not belong in an sdist" for name in sorted(files) if UNWANTED.search(name)]
    tops = {name.split("/")[0] for name in files}
    found += [f"{name}: missing" for name in allowed if name not in tops]
    return [*found, *problems_of_texts(files, source)]


def problems_of_texts(files: Mapping[str, bytes], source: Path) -> list[str]:
    """Return the files that have a path of a machine or the address of an index, each with the line of the first."""
    found = []
    wanted = re.compile(f"{MACHINE.pattern}|{re.escape(str(source.resolve()))}/")
    for name, content in sorted(files.items()):
        if name.startswith(_NOT_SEARCHED):
            continue
        match = wanted.search(content.decode("utf-8", "replace"))
        if match:
            line = content.decode("utf-8", "replace").count("\n", 0, match.start()) + 1
            found.append(f"{name}, line {line}: has {match[0]!r}, a path of a machine or the address of an index")
    return found


def problems_of_metadata(metadata: Message) -> list[str]:
    """Return what is missing or wrong in METADATA."""
    urls = {value.partition(",")[0].strip() for value in metadata.get_all("Project-URL", [])}
    found = [f"METADATA: no Project-URL {name}" for name in REQUIRED_URLS if name not in urls]
    given = metadata.get_all("Classifier", [])
    found += [f"METADATA: unknown classifier {one!r}" for one in given if one not in known_classifiers]
    for wanted in ("Framework :: Apache Airflow :: Provider", "Typing :: Typed"):
        found += [] if wanted in given else [f"METADATA: no classifier {wanted!r}"]
    extras = set(metadata.get_all("Provides-Extra", []))
    found += [f"METADATA: extras are {sorted(extras)}, not {sorted(EXTRAS)}"] if extras != EXTRAS else []
    wrong = {"License-Expression": "Apache-2.0", "Description-Content-Type": "text/markdown"}
    found += [f"METADATA: {key} is {metadata[key]!r}" for key, value in wrong.items() if metadata[key] != value]
    description = str(metadata.get_payload())
    links = re.findall(r"\]\(([^)]+)\)|(?:src|srcset|href)=\"([^\"]+)\"", description)
    relative = [one for pair in links for one in pair if one and not one.startswith("https://")]
    found += [f"METADATA: the description has the relative link {one}" for one in relative]
    return found if description.startswith("# ") else [*found, "METADATA: the description is not README.md"]


def problems_of_entry_points(text: str) -> list[str]:
    """Return the entry points that are missing."""
    wanted = {"[apache_airflow_provider]", "[airflow.plugins]", "[console_scripts]"}
    lines = set(text.splitlines())
    scripts = {line.partition(" = ")[0] for line in lines if " = " in line}
    return [f"entry_points.txt: no {one}" for one in sorted((wanted - lines) | (CONSOLE_SCRIPTS - scripts))]
