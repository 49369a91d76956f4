"""Many processes as one run: the same search, whoever dies, hangs or is stopped."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from types import SimpleNamespace

import numpy as np
import pytest

from plastica import cluster, machine
from plastica.errors import Refusal
from plastica.run.folder import RunFolder
from plastica.store import write_json

from .runs import ROOT, assert_same_run, flags, last_state, rows


def port():
    """One that nobody listens at."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def pair(*words, processes=2):
    """Processes of one command, each held to one core."""
    where = ["--coordinator", f"127.0.0.1:{port()}", "--processes", str(processes)]
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    cores = sorted(os.sched_getaffinity(0))
    return [
        subprocess.Popen(
            [sys.executable, "-m", "plastica", *words]
            + ([*where, "--process", str(i)] if processes > 1 else []),
            env=os.environ | {"PYTHONPATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=lambda i=i: os.sched_setaffinity(0, {cores[i % len(cores)]}),
        )
        for i in range(processes)
    ]


def ended(processes, limit=180):
    """Their exit statuses and what they said."""
    said = [process.communicate(timeout=limit)[0] for process in processes]
    return [process.returncode for process in processes], said


def train(tmp_path, name, generations, processes=2, **more):
    """The words that begin a run."""
    (tmp_path / "tale.txt").write_bytes(TALE)
    knobs = flags(text=tmp_path / "tale.txt", generations=generations, **more)
    return ["train", *knobs, "--no-report", "--out", str(tmp_path / name)]


TALE = b"Once upon a time there was a rule that nobody had written. " * 40


def until(folder, generation, limit=120):
    """Waits until a run has come so far."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        try:
            if rows(folder)[-1]["generation"] >= generation:
                return
        except (OSError, ValueError, IndexError):
            pass
        time.sleep(0.1)
    raise AssertionError(f"{folder} did not come to generation {generation}")


@pytest.mark.parametrize(
    "place",
    [
        {"coordinator": "here:1"},
        {"processes": 2, "process": 0},
        {"coordinator": "here:1", "processes": 2, "process": 2},
    ],
)
def test_half_an_address_is_refused(place):
    with pytest.raises(Refusal, match="--process"):
        cluster.Place(**place)


def test_one_process_leads_and_waits_for_nobody(tmp_path):
    assert cluster.count() == 1 and cluster.leads()
    assert cluster.agreed(True, False, 7) == (True, False, 7)
    assert cluster.leader_says("hello") == "hello" and cluster.unanimous(True)
    with cluster.watched(tmp_path / "beats"):
        pass
    assert not (tmp_path / "beats").exists()


def test_cores_given_are_the_cores_used(monkeypatch):
    monkeypatch.setattr(machine, "_given", None)
    assert machine.cores() == len(machine.affinity())
    machine.use_cores(3)
    assert machine.cores() == 3


@pytest.mark.parametrize(
    ("name", "variables", "place"),
    [
        (
            "SlurmCluster",
            {
                "SLURM_JOB_ID": "77",
                "SLURM_STEP_NODELIST": "node[3-4]",
                "SLURM_NTASKS": "4",
                "SLURM_PROCID": "3",
                "SLURM_LOCALID": "1",
                "SLURM_STEP_NUM_NODES": "2",
            },
            ("node3", 4, 3),
        ),
        (
            "OmpiCluster",
            {
                "OMPI_MCA_orte_hnp_uri": "1531576320.0;tcp://10.96.0.1:34911",
                "OMPI_COMM_WORLD_SIZE": "8",
                "OMPI_COMM_WORLD_RANK": "5",
                "OMPI_COMM_WORLD_LOCAL_RANK": "1",
            },
            ("10.96.0.1", 8, 5),
        ),
    ],
)
def test_schedulers_are_known_by_the_variables_they_set(
    monkeypatch, name, variables, place
):
    from jax._src.clusters import ClusterEnv

    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    kinds = {kind.__name__: kind for kind in ClusterEnv._cluster_types}
    found = kinds[name]
    assert found.is_env_present()
    host, count, process = place
    assert found.get_coordinator_address(60, None).rpartition(":")[0] == host
    assert (found.get_process_count(), found.get_process_id()) == (count, process)


def test_a_job_of_kubernetes_is_known_by_its_variables_and_its_server(monkeypatch):
    """The server's answers are ours: a job of 4 pods, of which this is number 2."""
    from jax._src.clusters.k8s_cluster import K8sCluster

    named = SimpleNamespace(name="plastica", labels={"job-name": "plastica"})
    job = SimpleNamespace(metadata=named, spec=SimpleNamespace(parallelism=4))
    owner = SimpleNamespace(controller=True, kind="Job")
    pod = SimpleNamespace(
        metadata=SimpleNamespace(labels=named.labels, owner_references=[owner]),
        spec=SimpleNamespace(subdomain="workers"),
    )
    server = SimpleNamespace(
        list_namespaced_pod=lambda **_: SimpleNamespace(items=[pod]),
        read_namespaced_job=lambda name, namespace: {"plastica": job}[name],
    )
    client = SimpleNamespace(
        CoreV1Api=lambda: server,
        BatchV1Api=lambda: server,
        exceptions=SimpleNamespace(ApiException=OSError),
    )
    config = SimpleNamespace(load_incluster_config=lambda: None)
    package = SimpleNamespace(client=client, config=config)
    monkeypatch.setitem(sys.modules, "kubernetes", package)  # type: ignore[arg-type]
    monkeypatch.setattr(K8sCluster, "_namespace", lambda: "default")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("HOSTNAME", "localhost")
    monkeypatch.setenv("JOB_COMPLETION_INDEX", "2")
    assert K8sCluster.is_env_present()
    where = K8sCluster.get_coordinator_address(None, None)
    assert where.startswith("plastica-0.workers:")
    assert (K8sCluster.get_process_count(), K8sCluster.get_process_id()) == (4, 2)


def test_a_folder_in_use_is_refused_and_let_go_of(tmp_path):
    folder = RunFolder(tmp_path / "run")
    with folder.held():
        other = RunFolder(tmp_path / "run").held()
        with pytest.raises(Refusal, match="in use by another process"), other:
            pass
        write_json(folder.path / "a.json", {})
    with folder.held():
        write_json(folder.path / "a.json", {"again": True})


def test_a_process_that_slept_writes_nothing_over_a_newer_run(tmp_path):
    folder = RunFolder(tmp_path / "run")
    with folder.held():
        write_json(folder.path / "a.json", {"by": 1})
        (folder.path / ".lock").write_text("7\n")  # as another process has it now
        with pytest.raises(Refusal, match="taken over by another process"):
            write_json(folder.path / "a.json", {"by": 2})
    assert b'"by": 1' in (folder.path / "a.json").read_bytes()


@pytest.fixture
def two_cores():
    """Two cores, a process on each."""
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("this machine has one core")


GRADIENT = ["--length=8", "--hidden=5", "--lives=4", "--scale=0.05"]
STRATEGY = ["--search=cma_es", "--length=8", "--hidden=3", "--population=8"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ["evolved_rules.memorise", *flags()],
        ["evolved_rules.by_gradient", *GRADIENT],
        ["meet.meet", *STRATEGY],
    ],
    ids=lambda words: words[0],
)
def test_two_processes_do_what_one_does(tmp_path, two_cores, words):
    (tmp_path / "tale.txt").write_bytes(TALE)
    told = ["--text", str(tmp_path / "tale.txt"), "--generations=6", "--no-report"]
    for n in (1, 2):
        out = ["--out", str(tmp_path / str(n))]
        status, said = ended(pair("train", *words, *told, *out, processes=n))
        assert status == [0] * n, said
    alone, together = (last_state(tmp_path / n)[0] for n in ("1", "2"))
    for name, array in alone.items():
        np.testing.assert_allclose(together[name], array, rtol=1e-5, atol=1e-7)


BY_HAND = """
import sys
import plastica as pl
from plastica.experiments.evolved_rules import memorise

pl.join(pl.Place(sys.argv[1], 2, int(sys.argv[2])))
run = pl.train(memorise(length=8, hidden=5, population=8, generations=4), sys.argv[3])
print("lived", run.rows()[-1]["generation"])
"""


@pytest.mark.slow
def test_joined_from_python(tmp_path, two_cores):
    where = f"127.0.0.1:{port()}"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", BY_HAND, where, str(i), str(tmp_path / "run")],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for i in range(2)
    ]
    status, said = ended(processes)
    assert status == [0, 0] and all("lived 4" in words for words in said), said


@pytest.mark.slow
def test_killed_at_random_moments_and_resumed_it_is_the_run_never_stopped(
    tmp_path, two_cores
):
    generations = 400
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert ended(pair(*train(tmp_path, "whole", generations)))[0] == [0, 0]
    rng = np.random.default_rng(3)
    words = train(tmp_path, "broken", generations)
    for death in range(10):
        processes = pair(*words)
        if not (broken / "config.json").is_file():
            until(broken, 0)
        time.sleep(rng.uniform(8, 14))
        processes[death % 2].kill()
        status, _ = ended(processes)
        assert status[1 - death % 2] in (0, cluster.LEFT), status
        words = ["resume", str(broken), "--no-report"]
    assert ended(pair(*words))[0] == [0, 0]
    assert_same_run(whole, broken)


@pytest.mark.slow
def test_a_process_that_hangs_ends_the_run_within_the_stated_time(tmp_path, two_cores):
    processes = pair(*train(tmp_path, "run", 100_000))
    until(tmp_path / "run", 20)
    processes[1].send_signal(signal.SIGSTOP)
    stopped = time.monotonic()
    assert processes[0].wait(60) == cluster.LEFT
    assert time.monotonic() - stopped < cluster.PATIENCE_SECONDS + 10
    processes[1].kill()
    assert any("was silent for" in words for words in ended(processes)[1])
    generation = rows(tmp_path / "run")[-1]["generation"] + 5
    words = ["resume", str(tmp_path / "run"), "--no-report"]
    more = ["--generations", str(generation)]
    assert ended(pair(*words, *more))[0] == [0, 0]


@pytest.mark.slow
def test_a_sigterm_to_one_is_agreed_on_by_all(tmp_path, two_cores):
    processes = pair(*train(tmp_path, "run", 100_000))
    until(tmp_path / "run", 20)
    processes[1].terminate()
    assert ended(processes)[0] == [cluster.LEFT, cluster.LEFT]
    _, generation = last_state(tmp_path / "run")
    assert rows(tmp_path / "run")[-1]["generation"] == generation


@pytest.mark.slow
def test_an_error_of_one_ends_all_at_once(tmp_path, two_cores):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mine.txt").write_text("mine")
    status, said = ended(pair(*train(tmp_path, "run", 5)))
    assert status == [2, 2]
    assert all("exists and is not empty" in words for words in said)


@pytest.mark.slow
def test_a_disk_that_fills_up_ends_all_and_the_last_state_stands(tmp_path, two_cores):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if os.geteuid() or subprocess.run(mounted, capture_output=True).returncode:
        pytest.skip("this machine does not let a small disk be mounted")
    processes = pair(*train(tmp_path, "disk/run", 100_000))
    try:
        until(disk / "run", 20)
        with suppress(OSError), (disk / "ballast").open("wb", 0) as ballast:
            while True:
                ballast.write(bytes(4096))
        status, said = ended(processes)
        assert status == [2, cluster.LEFT]
        assert "no space left on device" in said[0]
        (disk / "ballast").unlink()
        _, generation = last_state(disk / "run")
        words = ["resume", str(disk / "run"), "--no-report"]
        more = ["--generations", str(generation + 5)]
        status, said = ended(pair(*words, *more))
        assert status == [0, 0], said
    finally:
        for process in processes:
            process.kill()
            process.wait()
        subprocess.run(["umount", str(disk)], check=True)
