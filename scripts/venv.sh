# Sourced by scripts/seqexp, scripts/test and scripts/docs, which set $root: makes $root/.venv and keeps it current.
#
#   prepare_venv run .        what running needs
#   prepare_venv dev '.[dev]' and what the tests need
#   prepare_venv docs '.[docs]' and what the site needs
#
# A stamp file in .venv says what was installed from; while it matches, this costs a few milliseconds and no pip call.
# It is written last, so an interrupted set-up is taken up again by the next call.

prepare_venv() { # $1: stamp's name, $2: what pip installs
    # Else each start compiles all that it imports anew, which takes longer than the rest of it.
    unset PYTHONDONTWRITEBYTECODE
    wanted="$(cat "$root/pyproject.toml" "$root/constraints.txt" | cksum) $root"
    is_current "$1" && return 0
    take_lock
    # Another process may have done it while this one waited.
    is_current "$1" || make_venv "$1" "$2" || exit 1
    release_lock
}

is_current() {
    [ -f "$root/.venv/$1.stamp" ] && [ "$(cat "$root/.venv/$1.stamp")" = "$wanted" ]
}

make_venv() {
    base=$(find_python) || exit 1
    bin=$root/.venv/bin
    export PIP_DISABLE_PIP_VERSION_CHECK=1
    say "setting up $root/.venv for Python $("$base" -c 'import platform; print(platform.python_version())'):" \
        "about 700 MB, half a minute to three minutes, once"
    if ! venv_works || [ -e "$root/.venv/unfinished" ]; then # a killed pip may leave half a package
        "$base" -m venv --clear "$root/.venv" >&2 || {
            say "could not make a virtual environment (on Debian and Ubuntu: apt install python3-venv)"
            exit 1
        }
    fi
    for old in "$root/.venv/"*.stamp; do # one for the same files stays: what it says is still there
        [ "$(cat "$old" 2>/dev/null)" = "$wanted" ] || rm -f "$old"
    done
    : >"$root/.venv/unfinished"
    install_with_uv "$2" || install_with_pip "$2" || {
        status=$?
        [ "$status" -gt 2 ] || rm -f "$root/.venv/unfinished" # it ended by itself, and cleaned up
        say "pip failed; its last lines say why. The same command tries again."
        exit 1
    }
    rm -f "$root/.venv/unfinished"
    for stamp in run "$1"; do # the dev set-up includes what running needs
        printf '%s\n' "$wanted" >"$root/.venv/$stamp.stamp.new" &&
            mv -f "$root/.venv/$stamp.stamp.new" "$root/.venv/$stamp.stamp" || exit 1
    done
    say "ready"
}

# uv takes half of pip's time. It is used from the same indexes and put away; where it cannot be had, pip serves.
install_with_uv() {
    uv=$root/.venv/uv
    configured=$("$bin/python" -m pip config list 2>/dev/null)
    case $configured in *no-index=*) return 1 ;; esac
    (cd "$root" && "$bin/python" -m pip install -q --no-compile -c constraints.txt --target "$uv" uv) >/dev/null 2>&1 ||
        return 1
    say "uv pip install -c constraints.txt -e '$1'"
    (
        cd "$root" || exit 1
        export_from_pip index-url UV_DEFAULT_INDEX ' '
        export_from_pip extra-index-url UV_INDEX ' '
        export_from_pip find-links UV_FIND_LINKS ,
        UV_INDEX_STRATEGY=unsafe-best-match PYTHONPATH=$uv "$bin/python" -m uv pip install --no-progress \
            --python "$bin/python" -c constraints.txt -e "$1"
    ) >&2
    status=$?
    rm -rf "$uv"
    return "$status"
}

export_from_pip() { # $1: a setting of pip's, $2: the variable that tells uv, $3: what parts its values
    value=$(printf '%s\n' "$configured" | sed -n "s/^[^=]*\.$1='\(.*\)'\$/\1/p" | sed 's/\\n/ /g; s/^ *//' | tail -n 1 | tr -s ' ' "$3")
    [ -z "$value" ] || export "$2=$value"
}

install_with_pip() {
    # The pip that comes with Python may be years old and take twice as long. Where there is no newer one, it serves.
    (cd "$root" && "$bin/python" -m pip install -q -c constraints.txt --upgrade pip) >&2 || true
    say "pip install -c constraints.txt -e '$1'"
    # Not compiled: a run imports a quarter of the files, and Python compiles and keeps those as it comes to them.
    (cd "$root" && "$bin/python" -m pip install --no-compile -c constraints.txt -e "$1") >&2
}

venv_works() { # False too for one whose folder was moved: its commands point to the old place.
    [ "$("$root/.venv/bin/python" -c 'import pip, sys; print(sys.version_info >= (3, 11), sys.prefix)' 2>/dev/null)" = \
        "True $root/.venv" ] && { [ ! -x "$root/.venv/bin/pip" ] || grep -q "$root/.venv/" "$root/.venv/bin/pip"; }
}

find_python() { # Prints the first interpreter that is new enough; $PYTHON, where set, is the only candidate.
    if [ -n "${PYTHON:-}" ]; then set -- "$PYTHON"; else set -- python3 python3.13 python3.12 python3.11 python; fi
    for candidate; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            printf '%s\n' "$candidate"
            return 0
        fi
    done
    say "needs Python 3.11 or newer; $1 gives '$("$1" --version 2>&1 | tail -n 1)'." \
        "Install one, or name it: PYTHON=/path/to/python3.11 $0"
    return 1
}

# One set-up at a time. The lock is a symbolic link to its owner's process id: made in one step, and one can see whether
# the owner still lives.
take_lock() {
    lock=$root/.venv.lock
    told=
    until ln -s "$$" "$lock" 2>/dev/null; do
        owner=$(readlink "$lock") || {
            [ -w "$root" ] || { say "cannot write to $root, where .venv has to be"; exit 1; }
            continue # released just now
        }
        if ! kill -0 "$owner" 2>/dev/null; then
            rm -f "$lock" # its owner was killed
        elif [ -z "$told" ]; then
            told=yes
            say "waiting for the set-up that process $owner is doing"
        else
            sleep 1
        fi
    done
    trap 'release_lock' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
}

release_lock() {
    rm -f "$lock"
    trap - EXIT INT TERM
}

say() {
    printf 'seqexp: %s\n' "$*" >&2
}
