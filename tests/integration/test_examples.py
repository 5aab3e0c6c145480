"""The examples, with few digits."""

import importlib.util
import re
import subprocess
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from scripts import ROOT, RUN_WITHOUT_WARNINGS, import_from, run_script


def committed_names():
    """What files in the repository are called, wherever they lie."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip(f"not in a git checkout: {listed.stderr}")
    return {Path(line).name for line in listed.stdout.splitlines()}


def test_quick_writes_over_no_committed_file(tmp_path):
    script = ROOT / "examples" / "frompapers" / "Jin_et_al_2018" / "figure_learning_curves.py"
    committed = script.parent / "learning_curves.png"
    before = committed.stat().st_mtime_ns
    done = run_script("-c", RUN_WITHOUT_WARNINGS, script, "--quick", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    written = {path.name for path in tmp_path.iterdir()}
    assert written == {"learning_curves_quick.png"} and committed.stat().st_mtime_ns == before
    # the names of those below, and of the scripts in analysis/, whose tests have them
    written |= {picture_of(script) for script in EXAMPLES} | {"quickstart.png", "benchmark_quick.csv"}
    assert not written & committed_names()


def picture_of(script):
    return f"{Path(script).stem.removeprefix('figure_')}.png"


@pytest.fixture
def own_neuron(monkeypatch):
    yield from import_from(ROOT / "examples", "own_neuron", monkeypatch)


def test_quickstart(tmp_path):
    done = run_script("-c", RUN_WITHOUT_WARNINGS, ROOT / "examples" / "quickstart.py", "--quick", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    line = next(line for line in done.stdout.splitlines() if line.startswith("test accuracy"))
    accuracy = float(line.split()[-2])
    assert 30 < accuracy <= 100  # one in ten by chance
    assert [path.name for path in tmp_path.iterdir()] == ["quickstart.png"]
    assert plt.imread(tmp_path / "quickstart.png").min() < 0.5


# what each prints with --quick; the groups are percentages
EXAMPLES = {
    "look_at_dynamics.py": r"digit 7: class 7, .*\ndigit 2: class 2, ",
    "ei_network.py": r"% before training, ([\d.]+) % after\nsigns of all weights .*: kept\nsaved ei_network.png",
    "own_data.py": r"simulated bars.*: ([\d.]+) % of 100 .*\n.*trembling bars.*: ([\d.]+) % of 100 "
    r".*\n.*recordings.*: ([\d.]+) % of 100 ",
    "own_neuron.py": r"LIF, exp.* ([\d.]+) %\nadaptive LIF.* ([\d.]+) %\n.*alpha .* ([\d.]+) %\n",
    "neuron_zoo.py": r"ALIF trains exactly\nResonateAndFire trains exactly\nAdEx trains along its trajectory\n",
    "resume.py": r"interrupted in epoch 3\ngoing on after epoch 2\nweights after epoch 4: the same, bit for bit\n",
    "frompapers/Jin_et_al_2018/figure_psp_and_spsp.py": "saved psp_and_spsp.png",
    "frompapers/Jin_et_al_2018/figure_network_levels.py": "saved network_levels.png",
}


@pytest.mark.parametrize("script", EXAMPLES)
def test_quick_example_draws_a_picture_without_warnings(script, tmp_path):
    done = run_script("-c", RUN_WITHOUT_WARNINGS, ROOT / "examples" / script, "--quick", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    found = re.search(EXAMPLES[script], done.stdout)
    assert found, done.stdout
    chance = {"ei_network.py": 10, "own_data.py": 25, "own_neuron.py": 10}
    for percent in found.groups():
        assert float(percent) > 2 * chance[script]
    picture = picture_of(script)
    optional = {"look_at_dynamics_brian2tools.png"}
    assert {path.name for path in tmp_path.iterdir()} - optional == {picture}
    assert plt.imread(tmp_path / picture).min() < 0.5


def test_tutorial(tmp_path):
    done = run_script("-c", RUN_WITHOUT_WARNINGS, ROOT / "examples" / "tutorial.py", "--quick", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    accuracies = [float(percent) for percent in re.findall(r"test accuracy: ([\d.]+) %", done.stdout)]
    assert len(accuracies) == 2 and min(accuracies) > 20  # one in ten by chance
    assert re.search(r"classes \[7 2 1\]", done.stdout)
    pictures = sorted(tmp_path.iterdir())
    assert [path.name[:11] for path in pictures] == [f"tutorial_{number}_" for number in range(1, 8)]
    assert all(plt.imread(picture).min() < 0.5 for picture in pictures)


def test_own_neurons_have_the_psp_of_their_equations(own_neuron):
    found = {name: own_neuron.psp(neuron, n_steps=120) for name, neuron in own_neuron.NEURONS.items()}
    # Euler steps of 1 ms by hand; the spike comes at the end of step 0
    u = a = v = alpha = 0.0
    current = x = 1.0
    for step in range(119):
        u, a, current = u + (-u - 3 * a) / 64 + current / 8, a + (u - a) / 100, current - current / 8
        v, alpha, x = v - v / 64 + alpha / 8, alpha + (x - alpha) / 8, x - x / 8
        assert found["adaptive LIF"][step] == pytest.approx(u, abs=1e-6)
        assert found["LIF, alpha synapse"][step] == pytest.approx(v, abs=1e-6)
    assert found["adaptive LIF"].min() < 0 <= found["LIF, alpha synapse"].min()


def test_a_broken_brian2tools_is_said_in_one_line(tmp_path):
    package = tmp_path / "packages" / "brian2tools"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise AttributeError('np.float_ was removed')")
    here = tmp_path / "here"
    here.mkdir()
    prepared = RUN_WITHOUT_WARNINGS.replace("del sys", f"sys.path.insert(0, {str(package.parent)!r})\ndel sys")
    done = run_script("-c", prepared, ROOT / "examples" / "look_at_dynamics.py", "--quick", folder=here)
    assert done.returncode == 0, done.stderr
    assert "brian2tools is installed, but can't be imported (AttributeError: np.float_ was removed)" in done.stdout
    assert [path.name for path in here.iterdir()] == ["look_at_dynamics.png"]


@pytest.mark.standalone
def test_standalone(tmp_path):
    script = ROOT / "examples" / "standalone.py"
    done = run_script("-c", RUN_WITHOUT_WARNINGS, script, "--quick", folder=tmp_path, timeout=600)  # it compiles
    assert done.returncode == 0, done.stderr
    *batches, last = done.stdout.splitlines()
    assert [line.split(":")[0] for line in batches] == ["batch 0", "batch 1"]
    assert all(int(line.split()[2]) > 0 for line in batches)  # hidden spikes
    assert last == "hidden spikes of the last batch in both engines: the same"
    assert done.stderr.count("compiling the network") == 1
    assert list(tmp_path.iterdir()) == []


def test_gpu_example_without_brian2cuda_says_what_to_install(tmp_path):
    if importlib.util.find_spec("brian2cuda"):
        pytest.skip("brian2cuda is installed")
    done = run_script("-c", RUN_WITHOUT_WARNINGS, ROOT / "examples" / "gpu.py", folder=tmp_path)
    assert done.returncode == 1
    assert "install the extra 'cuda' of this package (pip install \"hm2bp_brian[cuda]\")" in done.stderr


def test_the_readme_of_each_folder_of_examples_lists_its_scripts():
    scripts = [*(ROOT / "examples").rglob("*.py")]
    assert {script.parent.name for script in scripts} == {"examples", "Jin_et_al_2018"}
    for script in scripts:
        assert f"| `{script.name}` |" in (script.parent / "README.md").read_text(encoding="utf-8")
