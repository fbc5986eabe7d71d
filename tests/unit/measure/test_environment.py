"""The environment: what is hashed, what is told, and that nothing missing is an exception."""

import subprocess
import sys
from pathlib import Path

import pytest

import sabench
from sabench.measure import cgroup, versions
from sabench.measure import environment as module
from sabench.measure.environment import (
    checkout_state,
    child_variables,
    device_slug,
    environment,
)
from sabench.records import Environment
from sabench.store.schema import write_sealed


def named(name: str) -> Environment:
    return Environment(device_kind="cpu", device_name=name, settings={}, facts={})


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("AMD EPYC 9654 96-Core Processor", "amd-epyc-9654"),
        ("AMD EPYC", "amd-epyc"),
        ("Intel(R) Xeon(R) Platinum 8488C CPU @ 2.40GHz", "intel-xeon-platinum-8488c"),
        ("NVIDIA H200", "nvidia-h200"),
        ("Apple M3 Max", "apple-m3-max"),
        ("../../etc/passwd", "etc-passwd"),
    ],
)
def test_a_device_folder_is_a_plain_name(name: str, slug: str) -> None:
    assert device_slug(named(name)) == slug


def test_a_name_without_letters_still_has_a_folder() -> None:
    assert device_slug(named("処理装置")).startswith("cpu-")


def test_the_child_starts_with_a_passive_pool_and_a_pinned_allocator() -> None:
    variables = child_variables("cpu", 2)
    assert variables["OMP_WAIT_POLICY"] == "PASSIVE"
    assert variables["GOMP_SPINCOUNT"] == variables["KMP_BLOCKTIME"] == "0"
    assert variables["OMP_NUM_THREADS"] == variables["MKL_NUM_THREADS"] == "2"
    assert variables["MALLOC_MMAP_THRESHOLD_"] == str(2**30)
    assert variables["MALLOC_TRIM_THRESHOLD_"] == str(2**32)
    assert variables["MALLOC_TOP_PAD_"] == str(2**28)
    assert "CUDA_DEVICE_ORDER" not in variables
    assert child_variables("cuda:1", 1)["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"


def test_the_id_hangs_on_settings_and_not_on_what_is_told() -> None:
    one, two = environment("cpu", ["sabench", "profile"]), environment("cpu", ["other"])
    assert one.id == two.id
    assert one.facts["command"] != two.facts["command"]
    other = one.model_copy(update={"settings": one.settings | {"torch": "9.9"}})
    assert other.id != one.id


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("ONEDNN_MAX_CPU_ISA", "AVX2", "AVX2"),
        ("ATEN_CPU_CAPABILITY", "default", "default"),
        ("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0", "glibc.malloc.tcache_count=0"),
        ("PYTORCH_ALLOC_CONF", "expandable_segments:True", "expandable_segments:True"),
        ("LD_PRELOAD", "/home/me/libjemalloc.so.2:/opt/b.so", "libjemalloc.so.2 b.so"),
    ],
)
def test_a_variable_that_changes_figures_makes_another_environment(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    monkeypatch.delenv(name, raising=False)
    plain = environment("cpu", [])
    assert f"env_{name}" not in plain.settings
    monkeypatch.setenv(name, value)
    other = environment("cpu", [])
    assert other.settings[f"env_{name}"] == told
    assert other.id != plain.id


def test_the_environment_tells_versions_without_importing_torch() -> None:
    code = (
        "import sys\nfrom sabench.measure.environment import environment\n"
        "print(environment('cpu').settings['torch']); assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    import torch

    assert done.stdout.strip() == torch.__version__


def test_what_a_host_does_not_tell_is_a_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(module, "CPU", tmp_path)
    monkeypatch.setattr(cgroup, "MOUNT", tmp_path)
    facts = module.host_facts([])
    for name in ("governor", "turbo", "smt", "cgroup_cpu", "cgroup_memory"):
        assert facts[name].startswith("unknown ("), name


def test_what_a_host_tells_is_a_fact(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "CPU", tmp_path)
    monkeypatch.setattr(cgroup, "MOUNT", tmp_path)
    (tmp_path / "cpu0" / "cpufreq").mkdir(parents=True)
    (tmp_path / "cpu0" / "cpufreq" / "scaling_governor").write_text("powersave\n")
    (tmp_path / "intel_pstate").mkdir()
    (tmp_path / "intel_pstate" / "no_turbo").write_text("1\n")
    (tmp_path / "cpu.max").write_text("200000 100000\n")
    facts = module.host_facts([])
    assert (facts["governor"], facts["turbo"]) == ("powersave", "off")
    assert facts["cgroup_cpu"] == "200000 100000"


def test_secrets_are_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    monkeypatch.setenv("NVIDIA_API_KEY", "hush")
    monkeypatch.setenv("HOME_ADDRESS", "hush")
    facts = module.host_facts([])
    assert facts["env_CUDA_VISIBLE_DEVICES"] == "1"
    assert "hush" not in facts.values()


def test_a_checkout_tells_commit_and_dirt(tmp_path: Path) -> None:
    assert checkout_state(tmp_path / "package")[0].startswith("unknown (not a git checkout")
    git = ["git", "-C", str(tmp_path), "-c", "user.name=n", "-c", "user.email=e"]
    (tmp_path / "file").write_text("1")
    for words in (["init", "-q"], ["add", "file"], ["commit", "-q", "-m", "m"]):
        subprocess.run([*git, *words], check=True)
    commit, dirty = checkout_state(tmp_path / "package")
    assert (len(commit), dirty) == (40, "false")
    (tmp_path / "file").write_text("2")
    assert checkout_state(tmp_path / "package") == (commit, "true")


def test_a_checkout_whose_git_says_bytes_that_are_no_utf8_is_unknown(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / ".git/config").write_bytes(b"[core]\n\tbare = x\xff\n")
    commit, dirty = checkout_state(tmp_path / "package")
    assert commit == dirty
    assert commit.startswith("unknown (fatal: bad boolean config value 'x\ufffd'")


def test_what_is_no_utf8_is_told_with_its_bytes_spelt_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plain = environment("cpu", [])
    monkeypatch.setenv("LD_PRELOAD", "/x\udcff.so")  # as Python reads the byte 0xff
    monkeypatch.setenv("OMP_\udcfe", "a\udcffb")
    odd = environment("cpu", ["sabench", "\udcff"])
    assert odd.settings["env_LD_PRELOAD"] == r"x\udcff.so"
    assert odd.facts[r"env_OMP_\udcfe"] == r"a\udcffb"
    assert odd.facts["command"] == r"sabench '\udcff'"
    assert odd.id != plain.id
    write_sealed(tmp_path / "file", odd.model_dump())


def test_torchs_version_file_is_read_as_text(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "version.py").write_text(
        "from typing import Optional\n__version__ = '2.13.0+cu130'\n"
        "cuda: Optional[str] = '13.0'\ngit_version = 'cf30'\n"
    )
    from types import SimpleNamespace

    monkeypatch.setattr(
        versions, "find_spec", lambda _: SimpleNamespace(origin=str(tmp_path / "__init__.py"))
    )
    assert versions.torch_build() == {
        "version": "2.13.0+cu130",
        "cuda": "13.0",
        "git_version": "cf30",
    }
    assert versions.torch_has_cuda()
    monkeypatch.setattr(versions, "find_spec", lambda _: None)
    assert not versions.torch_has_cuda()
    assert versions.installed_version("no-such-distribution") == "none"


def test_the_package_has_a_version_in_the_settings() -> None:
    assert environment("cpu", []).settings["sabench"] == sabench.__version__
