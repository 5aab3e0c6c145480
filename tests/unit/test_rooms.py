"""The dependency rule: a room imports from the rooms below it, never from above or beside."""

import ast
from pathlib import Path

import hm2bp_brian

PACKAGE = Path(hm2bp_brian.__file__).parent
ROOMS = [  # from below; those in one line know nothing of each other
    {"errors"},
    {"cache", "checks", "devices", "files", "npz", "rendering", "tables"},
    {"spikes"},
    {"spike_record"},
    {"firing_statistics", "model"},
    {"brian"},
    {"encoding", "learning"},
    {"datasets", "engines"},
    {"training"},
    {"exchange", "plotting"},
    {"citation", "classifier", "experiments"},
]
RANK = {room: rank for rank, rooms in enumerate(ROOMS) for room in rooms}
# Methods that users look for where they are, and that are one line: imports within functions that lead upwards.
DOORS = {
    ("spikes.py", "model.units"),
    ("spike_record.py", "exchange.neo"),
    ("spike_record.py", "exchange.spike_table"),
    ("datasets/labelled.py", "exchange.neo"),
    ("datasets/labelled.py", "exchange.nwb"),
    ("model/network.py", "brian.from_brian"),
    ("model/network.py", "brian.probing"),
    ("model/network.py", "brian.trajectory"),
    ("model/neurons.py", "brian.rest"),
    ("model/network.py", "exchange.nir"),
}


def imports():
    """(file, module, whether it stands within a function) of every import of the package from itself."""
    for path in sorted(PACKAGE.rglob("*.py")):
        file = path.relative_to(PACKAGE).as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith("hm2bp_brian"):
                continue
            for module in [node.module] if "." in node.module else [f"{node.module}.{a.name}" for a in node.names]:
                yield file, module.removeprefix("hm2bp_brian."), node.col_offset > 0


def room(name: str) -> str:
    return name.replace("/", ".").removesuffix(".py").split(".")[0]


def test_rooms_import_from_below():
    found = set()
    for file, module, inner in imports():
        if file == "__init__.py" or room(file) == room(module) or module == "__version__":
            continue
        assert room(module) in RANK, f"{file} imports {module}: give its room a place in ROOMS"
        if RANK[room(module)] < RANK[room(file)]:
            continue
        assert inner and (file, module) in DOORS, f"{file} imports {module}, which is not below it"
        found.add((file, module))
    assert found == DOORS


def test_every_file_has_a_room():
    rooms = {room(path.relative_to(PACKAGE).as_posix()) for path in PACKAGE.rglob("*.py")} - {"__init__"}
    assert rooms == set(RANK)
