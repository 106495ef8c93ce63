"""The environment of sbatch: variables that the script decides about do not reach it; and the job that it names."""

import pytest

from attnctl.jobs.slurm import sbatch
from attnctl.jobs.slurm.commands import CommandError
from attnctl.jobs.slurm.sbatch import Accepted, read_answer, submit_script
from attnctl.settings.config import SlurmOptions
from tests.fixtures.fake_slurm import Fake

SCRIPT = "#!/bin/bash\n#SBATCH --job-name=attnctl-1\n#SBATCH --time=60\n#SBATCH --partition=gpu\n"
DECIDED = {
    "SBATCH_JOB_NAME": "mine",
    "SBATCH_TIMELIMIT": "5",
    "SBATCH_ARRAY_INX": "1-3",
    "SBATCH_SIGNAL": "INT@10",
    "SBATCH_OUTPUT": "/dev/null",
    "SBATCH_ERROR": "/dev/null",
    "SBATCH_WAIT": "1",
    "SBATCH_MEM_PER_NODE": "100M",
    "SBATCH_REQUEUE": "1",
    "SBATCH_EXPORT": "NONE",
    "SBATCH_GPUS": "1",
    "SBATCH_OF_A_LATER_RELEASE": "1",
}
OPEN = {
    "SBATCH_ACCOUNT": "lab",
    "SBATCH_QOS": "long",
    "SBATCH_RESERVATION": "course",
    "SBATCH_CONSTRAINT": "a100",
    "SLURM_CONF": "/etc/slurm.conf",
    "SLURM_CLUSTERS": "second",
    "SLURM_JWT": "token",
}


def test_a_variable_passes_only_if_the_script_leaves_its_option_open() -> None:
    environ = DECIDED | OPEN | {"SBATCH_PARTITION": "cpu", "PATH": "/bin"}
    assert sbatch.environment(SCRIPT, environ) == OPEN | {"PATH": "/bin"}
    without = SCRIPT.replace("#SBATCH --partition=gpu\n", "#SBATCH --reservation=deadline\n#SBATCH --qos=short\n")
    passed = sbatch.environment(without, environ)
    assert passed["SBATCH_PARTITION"] == "cpu"
    assert not passed.keys() & {"SBATCH_RESERVATION", "SBATCH_QOS"}


def test_a_cluster_in_the_settings_overrides_the_one_of_the_shell() -> None:
    environ = {"SLURM_CLUSTERS": "first", "SBATCH_CLUSTERS": "first"}
    assert sbatch.environment(SCRIPT, environ) == environ
    assert sbatch.environment(SCRIPT + "#SBATCH --clusters=second\n", environ) == {}


def test_the_ignored_variables_are_named() -> None:
    assert sbatch.ignored(DECIDED | OPEN) == sorted(DECIDED)
    assert sbatch.ignored(OPEN) == []


def test_a_job_that_submits_another_hands_on_nothing_of_its_own() -> None:
    outer = {
        "SLURM_JOB_ID": "7",
        "SLURM_CPU_BIND": "x",
        "SLURM_NTASKS": "4",
        "CUDA_VISIBLE_DEVICES": "3",
        "ROCR_VISIBLE_DEVICES": "3",
        "TMPDIR": "/tmp/slurm.7",
        "GLOO_SOCKET_IFNAME": "lo",
        "NCCL_SOCKET_IFNAME": "=lo",
        "ATTNCTL_INTERFACES": "GLOO_SOCKET_IFNAME NCCL_SOCKET_IFNAME",
        "PATH": "/bin",
    }
    assert sbatch.environment(SCRIPT, outer) == {"PATH": "/bin"}


@pytest.mark.parametrize("name", ["CUDA_VISIBLE_DEVICES", "TMPDIR", "GLOO_SOCKET_IFNAME"])
def test_outside_a_job_the_users_own_variables_reach_the_job(name: str) -> None:
    assert sbatch.environment(SCRIPT, {name: "mine"}) == {name: "mine"}


def test_the_shells_partition_is_the_one_that_a_script_without_one_gets() -> None:
    assert sbatch.default_partition({"SBATCH_PARTITION": "gpu"}) == "gpu"
    assert sbatch.default_partition({}) is None


def test_the_options_that_later_attempts_keep_are_those_of_account_and_place() -> None:
    environ = DECIDED | OPEN | {"SBATCH_PARTITION": "low", "SBATCH_WCKEY": "key"}
    assert sbatch.exported(environ) == {
        "account": "lab",
        "constraint": "a100",
        "partition": "low",
        "qos": "long",
        "reservation": "course",
    }
    assert sbatch.exported({"SBATCH_PARTITION": "", "SBATCH_QOS": "a\nb"}) == {}


@pytest.mark.parametrize(
    ("printed", "accepted"),
    [
        ("77\n", Accepted("77", None)),
        ("77;second\n", Accepted("77", "second")),
        ("Welcome to the cluster!\nQuota: 12 of 100 GB\n77\n", Accepted("77", None)),
        ("*** maintenance on 2026-12-01 ***\n77;second\n\nGood luck\n", Accepted("77", "second")),
        ("Submitted batch job\n", None),
        ("", None),
        ("77;\n", None),
        ("77_0\n", None),
    ],
)
def test_the_job_id_is_found_among_what_a_site_prints(printed: str, accepted: Accepted | None) -> None:
    assert read_answer(printed) == accepted


def test_a_script_is_submitted_and_a_refusal_raised(fake: Fake) -> None:
    fake.does("sbatch", "cat > \"$(dirname \"$0\")/script\"; echo 'Welcome'; echo '77;second'")
    assert submit_script("#!/bin/bash\n", 5.0) == Accepted("77", "second")
    assert (fake.folder / "script").read_text() == "#!/bin/bash\n"
    assert fake.calls("sbatch") == ["--parsable"]
    fake.does("sbatch", "echo 'sbatch: error: no' >&2; exit 1")
    with pytest.raises(CommandError, match="no"):
        submit_script("#!/bin/bash\n", 5.0)


def test_jobs_go_to_the_first_cluster_of_the_settings_or_of_the_shell() -> None:
    assert sbatch.target_cluster("second,third", {"SBATCH_CLUSTERS": "first"}) == "second"
    assert sbatch.target_cluster(None, {"SBATCH_CLUSTERS": "first"}) == "first"
    assert sbatch.target_cluster(None, {}) is None


def test_jobs_go_where_the_settings_say_else_where_the_shell_does() -> None:
    shell = {"SBATCH_PARTITION": "gpu", "SBATCH_CLUSTERS": "first"}
    assert sbatch.target(SlurmOptions(), {}) == (None, None)
    assert sbatch.target(SlurmOptions(), shell) == ("gpu", "first")
    assert sbatch.target(SlurmOptions(partition="low", clusters="second"), shell) == ("low", "second")


def test_variables_that_decide_what_a_script_leaves_open_are_kept_for_later_submissions() -> None:
    environ = {"SBATCH_PARTITION": "gpu", "SBATCH_QOS": "a\nb", "SBATCH_TIMELIMIT": "5", "HOME": "/home/ada"}
    assert sbatch.open_variables(environ) == {"SBATCH_PARTITION": "gpu"}
