"""Whether a lock that one host takes on a file is seen by others, which depends on how the file system was mounted."""

import re
from functools import lru_cache
from pathlib import Path

TABLE = Path("/proc/self/mounts")  # Linux has it; elsewhere nothing is known, and nothing is warned of
PRIVATE = {  # file system -> the mount's options by which flock holds on this host only
    "nfs": {"nolock", "local_lock=all", "local_lock=flock"},
    "nfs4": {"local_lock=all", "local_lock=flock"},
    "lustre": {"localflock"},
    "cifs": {"nobrl"},
    "smb3": {"nobrl"},
    "fuse.sshfs": {"rw", "ro"},  # it has no locks of its own, whatever the options
}


def private_locks(folder: Path) -> str:
    """Why locks on files in the folder hold on this host only ("nfs, nolock"); empty where they hold everywhere, or no
    other host sees the files."""
    try:
        table = TABLE.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return _private_locks(folder.absolute(), table)


@lru_cache(maxsize=64)
def _private_locks(folder: Path, table: str) -> str:
    best, found = -1, ""
    for line in table.splitlines():
        place, kind, options = (*line.split(" ")[1:4], "", "", "")[:3]
        place = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), place)  # blanks are written \040
        if len(place) >= best and folder.is_relative_to(place or "?"):
            said = PRIVATE.get(kind, set()) & set(options.split(","))
            best, found = len(place), ", ".join([kind, *sorted(said)]) if said else ""
    return found
