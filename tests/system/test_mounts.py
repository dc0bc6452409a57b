"""Which mounts keep a lock to their own host."""

from pathlib import Path

import pytest

from seqexp.system import mounts

TABLE = """/dev/sda1 / ext4 rw,relatime 0 0
server:/home /home nfs4 rw,vers=4.2,local_lock=none 0 0
server:/old /home/old nfs rw,vers=3,nolock,local_lock=all 0 0
scratch@tcp:/scratch /scratch lustre rw,flock 0 0
scratch@tcp:/fast /fast\\040disk lustre rw,localflock 0 0
short
"""


@pytest.mark.parametrize(
    ("folder", "why"),
    [
        ("/tmp/runs", ""),
        ("/home/me/runs", ""),
        ("/home/old/runs", "nfs, local_lock=all, nolock"),
        ("/home/older/runs", ""),
        ("/scratch/runs", ""),
        ("/fast disk/runs", "lustre, localflock"),
    ],
)
def test_a_mount_says_whether_other_hosts_see_its_locks(folder, why, tmp_path, monkeypatch):
    monkeypatch.setattr(mounts, "TABLE", tmp_path / "mounts")
    (tmp_path / "mounts").write_text(TABLE)
    assert mounts.private_locks(Path(folder)) == why


def test_where_nothing_is_known_of_mounts_nothing_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(mounts, "TABLE", tmp_path / "nothing")
    assert mounts.private_locks(tmp_path) == ""


def test_a_run_is_not_marked_killed_where_another_hosts_lock_is_not_seen(tmp_path, monkeypatch):
    from seqexp.runs import recovery

    lock = tmp_path / "adding" / "rnn" / "1" / "run.lock"
    lock.parent.mkdir(parents=True)
    lock.touch()
    monkeypatch.setattr(recovery, "private_locks", lambda root: "nfs, nolock")
    recovery.mark_killed(tmp_path)
    assert lock.exists()
    monkeypatch.setattr(recovery, "private_locks", lambda root: "")
    recovery.mark_killed(tmp_path)
    assert not lock.exists()
